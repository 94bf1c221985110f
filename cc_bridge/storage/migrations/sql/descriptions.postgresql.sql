COMMENT ON TABLE calls IS 'One call, from the start of its first channel to the end of its last; calls without a queue are stored if direct_calls.enabled';

COMMENT ON COLUMN calls.call_id IS 'Linkedid of the call: all rows of one call on one PBX share it';

COMMENT ON COLUMN calls.direction IS 'Direction of the call, seen from the contact centre: in, out, internal';

COMMENT ON COLUMN calls.started_at IS 'Start of the first channel, UTC';

COMMENT ON COLUMN calls.ended_at IS 'End of the last channel, UTC';

COMMENT ON COLUMN calls.caller_number IS 'Caller''s number, personal data; empty if withheld';

COMMENT ON COLUMN calls.dialed IS 'First dialled extension; the called number of an outgoing call is personal data';

COMMENT ON COLUMN calls.queue IS 'First queue that the caller entered; empty for a call without a queue';

COMMENT ON COLUMN calls.answered IS 'True if an agent of a queue or another phone answered';

COMMENT ON COLUMN calls.queues IS 'Number of queue visits (rows of queue_visits)';

COMMENT ON COLUMN calls.talks IS 'Number of talks (rows of talks)';

COMMENT ON COLUMN calls.wait_seconds IS 'Sum of the wait time in queues before the first answer, seconds';

COMMENT ON COLUMN calls.talk_seconds IS 'Sum of the talk time of talks that are not partial, hold included, seconds';

COMMENT ON COLUMN calls.partial IS 'True if the start, the end or a part of a talk was not observed';

COMMENT ON COLUMN calls.caller_key IS 'Caller key of the outside party (of the caller, or of the called party of an outgoing call), personal data; empty if the number is withheld';

COMMENT ON TABLE queue_visits IS 'One visit: the stay of one caller in one queue; a call has one visit for each queue it entered';

COMMENT ON COLUMN queue_visits.call_id IS 'Linkedid of the call: all rows of one call on one PBX share it';

COMMENT ON COLUMN queue_visits.entered_at IS 'Time at which the caller entered the queue, UTC';

COMMENT ON COLUMN queue_visits.left_at IS 'Time at which the caller left the queue, whatever the outcome, UTC';

COMMENT ON COLUMN queue_visits.outcome IS 'Outcome of the visit: answered, abandoned, timed_out, left_by_key, queue_full, join_empty, leave_empty, join_unavailable, leave_unavailable, transferred_away, unobserved';

COMMENT ON COLUMN queue_visits.position IS 'Position in the queue on entry, from 1; 0 if the entry was not observed';

COMMENT ON COLUMN queue_visits.caller_number IS 'Caller''s number, personal data; empty if withheld';

COMMENT ON COLUMN queue_visits.ringing IS 'True if an agent''s phone was ringing as the caller left';

COMMENT ON COLUMN queue_visits.decided_by IS 'Event of the PBX that determined the outcome';

COMMENT ON COLUMN queue_visits.source IS 'Source of the row: observed (events of the PBX), queue_log (imported)';

COMMENT ON COLUMN queue_visits.caller_key IS 'Caller key, the same in all calls of a caller, personal data; empty if the number is withheld';

COMMENT ON TABLE rings IS 'One ring: a ring attempt of one agent''s phone for one caller';

COMMENT ON COLUMN rings.call_id IS 'Linkedid of the call: all rows of one call on one PBX share it';

COMMENT ON COLUMN rings.started_at IS 'Start of the ringing, UTC';

COMMENT ON COLUMN rings.ended_at IS 'End of the ringing, UTC';

COMMENT ON COLUMN rings.outcome IS 'Outcome of the ring: answered, no_answer, busy, congestion, declined, answered_elsewhere, caller_gone, unobserved';

COMMENT ON TABLE talks IS 'One talk: the conversation of one caller with one agent, from the agent''s entry into the bridge until the agent leaves it';

COMMENT ON COLUMN talks.call_id IS 'Linkedid of the call: all rows of one call on one PBX share it';

COMMENT ON COLUMN talks.queue IS 'Queue; empty for a direct call, which has no queue';

COMMENT ON COLUMN talks.answered_at IS 'Time from which agent and caller could hear each other, UTC';

COMMENT ON COLUMN talks.ended_at IS 'Time at which the agent left, UTC';

COMMENT ON COLUMN talks.holds IS 'Number of times that the caller was put on hold';

COMMENT ON COLUMN talks.ended_by IS 'Party that ended the talk: caller, agent, transfer, system, unobserved';

COMMENT ON COLUMN talks.transfer IS 'Kind of transfer to another destination by the agent: blind, attended; null: no transfer';

COMMENT ON COLUMN talks.transfer_target IS 'Destination of the transfer; null unless transferred';

COMMENT ON COLUMN talks.source IS 'Source of the row: observed (events of the PBX), queue_log (imported)';

COMMENT ON COLUMN talks.picked_up IS 'True if a phone other than the ringing one picked up the call';

COMMENT ON COLUMN talks.partial IS 'True if the start or end was not observed; then talk_seconds must not be counted';

COMMENT ON TABLE agent_intervals IS 'One period of one agent in one state, across all queues of the agent';

COMMENT ON COLUMN agent_intervals.started_at IS 'Start of the state, UTC';

COMMENT ON COLUMN agent_intervals.ended_at IS 'End of the state, UTC';

COMMENT ON COLUMN agent_intervals.reason IS 'Reason of a pause; do_not_disturb if unreachable for that reason; else empty';

COMMENT ON COLUMN agent_intervals.queue IS 'Queue of the talk before a wrap-up, else empty';

COMMENT ON COLUMN agent_intervals.flagged IS 'True for a wrap-up that was ended at its maximum length';

COMMENT ON TABLE survey_decisions IS 'One survey decision: an eligible caller who was invited, or was not for the reason in stage';

COMMENT ON COLUMN survey_decisions.call_id IS 'Linkedid of the call: all rows of one call on one PBX share it';

COMMENT ON COLUMN survey_decisions.interface IS 'Interface of the agent of the last talk';

COMMENT ON COLUMN survey_decisions.decided_at IS 'Time of the decision, UTC';

COMMENT ON COLUMN survey_decisions.survey IS 'Survey definition; empty if none was chosen';

COMMENT ON COLUMN survey_decisions.trigger IS 'Event that started the survey: queue, dial, extension, callback';

COMMENT ON COLUMN survey_decisions.stage IS 'Decision: invited, caller_left_first, or the reason for no invitation';

COMMENT ON COLUMN survey_decisions.caller_key IS 'Caller key, the same in all calls of a caller, personal data; empty if the number is withheld';

COMMENT ON TABLE survey_attempts IS 'One survey attempt: a survey that was started with one caller';

COMMENT ON COLUMN survey_attempts.attempt_id IS 'Id of the attempt, unique on its PBX';

COMMENT ON COLUMN survey_attempts.call_id IS 'Linkedid of the call: all rows of one call on one PBX share it';

COMMENT ON COLUMN survey_attempts.interface IS 'Interface of the agent of the rated talk';

COMMENT ON COLUMN survey_attempts.version IS 'Version of the survey definition';

COMMENT ON COLUMN survey_attempts.started_at IS 'Start of the survey, UTC';

COMMENT ON COLUMN survey_attempts.ended_at IS 'End of the survey; null: it is in progress, or the daemon was killed during it, UTC';

COMMENT ON COLUMN survey_attempts.result IS 'Result of the survey: started, complete, partial, declined';

COMMENT ON COLUMN survey_attempts.reason IS 'Reason why the survey is not complete: hung_up, no_input, invalid, skipped, opted_out, time_limit, error, shutdown; else empty';

COMMENT ON COLUMN survey_attempts.trigger IS 'Event that started the survey: queue, dial, extension, callback';

COMMENT ON COLUMN survey_attempts.attributed_by IS 'Source of the rated queue and agent: events, channel';

COMMENT ON COLUMN survey_attempts.caller_key IS 'Caller key, the same in all calls of a caller, personal data; empty if the number is withheld';

COMMENT ON TABLE answers IS 'One valid answer of a caller; its survey_attempts row has the same pbx and attempt_id';

COMMENT ON COLUMN answers.attempt_id IS 'Id of the answer''s survey attempt';

COMMENT ON COLUMN answers.question IS 'Id of the question in the survey definition';

COMMENT ON COLUMN answers.kind IS 'Kind of the question, such as csat; config/docs/schema.md lists them with their values';

COMMENT ON COLUMN answers.value IS 'Score; yes_no: 1 (yes) or 0 (no); choice: the key; comment: seconds of the recording';

COMMENT ON COLUMN answers.tries IS 'Number of attempts until the input was valid; 1: the first was valid';

COMMENT ON COLUMN answers.answered_at IS 'Time of the answer, UTC';

COMMENT ON COLUMN answers.queue IS 'Rated queue; empty if the answer rates the company as a whole';

COMMENT ON COLUMN answers.agent IS 'Rated agent; empty if the answer rates the company as a whole';

COMMENT ON COLUMN answers.interface IS 'Interface of the rated agent';

COMMENT ON COLUMN answers.label IS 'Meaning of value in words: yes or no, or the label of a choice; else empty';

COMMENT ON TABLE surveys IS 'One version of a survey definition with its questions, as it was first loaded';

COMMENT ON COLUMN surveys.version IS 'Version of the survey definition';

COMMENT ON COLUMN surveys.languages IS 'Languages, separated by commas; callers of another language hear the first';

COMMENT ON COLUMN surveys.questions IS 'JSON: the list of questions in order, each with id, kind, ask (the prompt), rates (subject of the rating), scale (lowest and highest value, or null) and labels (value: meaning)';

COMMENT ON COLUMN surveys.first_seen IS 'Time at which the version was first loaded, UTC';

COMMENT ON TABLE opt_outs IS 'The last opt-out or opt-in of a caller; it is valid on all PBXs';

COMMENT ON COLUMN opt_outs.caller_key IS 'Caller key, the same in all calls of a caller, personal data; empty if the number is withheld';

COMMENT ON COLUMN opt_outs.updated_at IS 'Time of the opt-out or opt-in, UTC';

COMMENT ON COLUMN opt_outs.opted_out IS 'True: no survey invitations; false: invitations again';

COMMENT ON COLUMN opt_outs.source IS 'Source: key (pressed in a survey), command';

COMMENT ON TABLE customers IS 'The customer behind a number, as imported from a CRM; it is valid on all PBXs';

COMMENT ON COLUMN customers.caller_key IS 'Caller key, the same in all calls of a caller, personal data; empty if the number is withheld';

COMMENT ON COLUMN customers.customer_id IS 'Customer id in the CRM; numbers with one id belong to one customer; may be empty';

COMMENT ON COLUMN customers.updated_at IS 'Time of the last change by an import, UTC';

COMMENT ON TABLE follow_ups IS 'One follow-up: a customer who should be called back, for one reason';

COMMENT ON COLUMN follow_ups.follow_up_id IS 'Id computed from PBX, reason and cause, so that a cause opens one';

COMMENT ON COLUMN follow_ups.pbx IS 'Name of the PBX whose call opened the follow-up';

COMMENT ON COLUMN follow_ups.reason IS 'Reason: low_rating, not_solved, comment, abandoned_twice, long_wait';

COMMENT ON COLUMN follow_ups.caller_key IS 'Caller key, the same in all calls of a caller, personal data; never empty';

COMMENT ON COLUMN follow_ups.number IS 'Caller''s number in the form that callers.number_storage allows, personal data';

COMMENT ON COLUMN follow_ups.queue IS 'Queue of the call that opened the follow-up; empty for a direct call';

COMMENT ON COLUMN follow_ups.agent IS 'Agent of the rated talk, or agent who answered after the wait; may be empty';

COMMENT ON COLUMN follow_ups.call_id IS 'Linkedid of the call that opened the follow-up';

COMMENT ON COLUMN follow_ups.detail IS 'Cause in words, such as csat=1 or waited 612 s';

COMMENT ON COLUMN follow_ups.owner IS 'Owner of the queue in the configuration at the time of opening; may be empty';

COMMENT ON COLUMN follow_ups.opened_at IS 'Time of the cause, UTC';

COMMENT ON COLUMN follow_ups.due_at IS 'Due time: opened_at plus the allowed business hours, UTC';

COMMENT ON COLUMN follow_ups.state IS 'State: open, taken, done, dismissed';

COMMENT ON COLUMN follow_ups.taken_by IS 'Person who took the follow-up; empty: not taken';

COMMENT ON COLUMN follow_ups.taken_at IS 'Time of taking; null: not taken, UTC';

COMMENT ON COLUMN follow_ups.closed_by IS 'Person who closed the follow-up; empty: not closed';

COMMENT ON COLUMN follow_ups.closed_at IS 'Time of closing (done or dismissed); null: not closed, UTC';

COMMENT ON COLUMN follow_ups.outcome IS 'Outcome, or reason for the dismissal, as typed by the person who closed it';

COMMENT ON COLUMN follow_ups.linked_call_id IS 'Linkedid of the next answered call; empty: none yet';

COMMENT ON COLUMN follow_ups.linked_at IS 'Start of the next answered call; null: none yet, UTC';

COMMENT ON COLUMN follow_ups.open_key IS 'Reason and customer of an unclosed follow-up, unique; null when closed';

COMMENT ON TABLE digest_deliveries IS 'One digest for one address; of several daemons only one sends it';

COMMENT ON COLUMN digest_deliveries.frequency IS 'Period of the digest: day, week, month';

COMMENT ON COLUMN digest_deliveries.first_day IS 'First day of the period, such as 2026-11-16';

COMMENT ON COLUMN digest_deliveries.owner IS 'Owner whose queues the digest covers; empty: all queues';

COMMENT ON COLUMN digest_deliveries.address IS 'Recipient''s email address, personal data';

COMMENT ON COLUMN digest_deliveries.last_day IS 'Last day of the period, included';

COMMENT ON COLUMN digest_deliveries.enqueued_at IS 'Time from which the digest should be sent, UTC';

COMMENT ON COLUMN digest_deliveries.state IS 'State: waiting, claimed, sending, sent, failed, unclear';

COMMENT ON COLUMN digest_deliveries.claimed_by IS 'Process that makes and sends the digest; empty: none yet';

COMMENT ON COLUMN digest_deliveries.attempts IS 'Number of attempts';

COMMENT ON COLUMN digest_deliveries.next_attempt_at IS 'Time of the next attempt; if claimed or sending, time at which the claim expires, UTC';

COMMENT ON COLUMN digest_deliveries.ended_at IS 'Time of sending or of the final failure; null: not ended, UTC';

COMMENT ON COLUMN digest_deliveries.reason IS 'Reason why the last attempt failed; empty: it did not';

COMMENT ON TABLE gaps IS 'One gap: a span in which the PBX was not observed; figures of that time are incomplete';

COMMENT ON COLUMN gaps.started_at IS 'Start of the gap, UTC';

COMMENT ON COLUMN gaps.ended_at IS 'End of the gap, UTC';

COMMENT ON COLUMN gaps.reason IS 'Reason: link_lost, pbx_restarted, message_dropped, daemon_down, clock_step';

COMMENT ON COLUMN gaps.calls_affected IS 'Number of visits and talks in progress when the gap started';

COMMENT ON TABLE observation_watermarks IS 'The watermark of each PBX: the time until which it was observed, updated every few seconds';

COMMENT ON COLUMN observation_watermarks.observed_until IS 'Time until which the PBX was observed, UTC';

COMMENT ON TABLE open_state IS 'One checkpoint: the saved state of an open call or of an agent, from which a daemon continues after its predecessor was killed; always empty on a server, where the journal has the checkpoints';

COMMENT ON COLUMN open_state.kind IS 'Kind of checkpoint: call, agent';

COMMENT ON COLUMN open_state.name IS 'call_id of the call, or name of the agent';

COMMENT ON COLUMN open_state.state IS 'Saved state in JSON; personal data';

COMMENT ON TABLE agent_facts IS 'Talks, rings and states of each agent by day, for v_agent_day and reports';

COMMENT ON COLUMN agent_facts.day IS 'Past day, from midnight to midnight UTC';

COMMENT ON COLUMN agent_facts.fact IS 'Kind of fact: talk, partial (a talk seen in part), ring, state';

COMMENT ON COLUMN agent_facts.word IS 'Detail: direct or queue of a talk, the outcome of a ring, the state';

COMMENT ON COLUMN agent_facts.n IS 'Number of talks or rings; 0 for states';

COMMENT ON COLUMN agent_facts.amount IS 'Sum of talk time or of time in the state, seconds';

COMMENT ON COLUMN agent_facts.hold_seconds IS 'Sum of hold time, seconds';

COMMENT ON TABLE agent_presence IS 'Presence of agents by quarter of an hour, for reports';

COMMENT ON COLUMN agent_presence.day IS 'Past day, from midnight to midnight UTC';

COMMENT ON COLUMN agent_presence.quarter IS 'Quarter of an hour of the day, 0 to 95';

COMMENT ON COLUMN agent_presence.seconds IS 'Sum of the time for which agents were logged in and reachable, seconds';

COMMENT ON TABLE queue_talks IS 'Talks of each queue by day, for reports';

COMMENT ON COLUMN queue_talks.day IS 'Past day, from midnight to midnight UTC';

COMMENT ON COLUMN queue_talks.partial IS 'True: talks that were seen in part';

COMMENT ON COLUMN queue_talks.n IS 'Number of talks';

COMMENT ON COLUMN queue_talks.talk_seconds IS 'Sum of talk time, hold included, seconds';

COMMENT ON COLUMN queue_talks.hold_seconds IS 'Sum of hold time, seconds';

COMMENT ON TABLE rated_calls IS 'csat answers by wait time and talks of the call, for reports';

COMMENT ON COLUMN rated_calls.day IS 'Past day, from midnight to midnight UTC';

COMMENT ON COLUMN rated_calls.wait_seconds IS 'Wait time of the call, rounded up, seconds';

COMMENT ON COLUMN rated_calls.talks IS 'Number of talks in the call; 3 means 3 or more';

COMMENT ON COLUMN rated_calls.value IS 'csat score, 1 to 5';

COMMENT ON COLUMN rated_calls.n IS 'Number of answers; answers whose call is not stored are not counted';

COMMENT ON TABLE rollup_watermark IS 'One row: earlier days are final in the roll-up tables, which may also have rows of later days';

COMMENT ON COLUMN rollup_watermark.refreshed_until IS 'First day that is not rolled up';

COMMENT ON VIEW v_calls_by_hour IS 'Visits and talks of each queue by hour; each counts in the hour of its start';

COMMENT ON COLUMN v_calls_by_hour.hour IS 'Start of the hour, UTC';

COMMENT ON COLUMN v_calls_by_hour.visits IS 'Visits that started in the hour; the sum of all outcomes';

COMMENT ON COLUMN v_calls_by_hour.offered IS 'Visits with the outcome answered, abandoned, timed_out or left_by_key';

COMMENT ON COLUMN v_calls_by_hour.abandoned IS 'Visits in which the caller hung up while waiting';

COMMENT ON COLUMN v_calls_by_hour.other_lost IS 'Visits lost in another way: timed_out, left_by_key, queue_full, *_empty, *_unavailable';

COMMENT ON COLUMN v_calls_by_hour.transferred_away IS 'Visits from which a person or program redirected the caller';

COMMENT ON COLUMN v_calls_by_hour.unobserved IS 'Visits whose end was not observed';

COMMENT ON COLUMN v_calls_by_hour.answered_in_10 IS 'Visits answered after a wait of up to 10 s';

COMMENT ON COLUMN v_calls_by_hour.answered_in_20 IS 'Visits answered after a wait of up to 20 s';

COMMENT ON COLUMN v_calls_by_hour.answered_in_30 IS 'Visits answered after a wait of up to 30 s';

COMMENT ON COLUMN v_calls_by_hour.answered_in_60 IS 'Visits answered after a wait of up to 60 s';

COMMENT ON COLUMN v_calls_by_hour.abandoned_under_5 IS 'Visits abandoned after a wait of less than 5 s; they are included in abandoned';

COMMENT ON COLUMN v_calls_by_hour.wait_seconds IS 'Sum of the wait time of all visits, seconds';

COMMENT ON COLUMN v_calls_by_hour.mean_wait_seconds IS 'Mean wait time of all visits; null without any, seconds';

COMMENT ON COLUMN v_calls_by_hour.mean_answer_seconds IS 'Average speed of answer: the mean wait time of answered visits; null without any, seconds';

COMMENT ON COLUMN v_calls_by_hour.longest_wait_seconds IS 'Longest wait time of a visit; null without any, seconds';

COMMENT ON COLUMN v_calls_by_hour.talks IS 'Talks that started in the hour';

COMMENT ON COLUMN v_calls_by_hour.partial_talks IS 'Talks seen in part; their duration is in no sum or mean';

COMMENT ON COLUMN v_calls_by_hour.talk_seconds IS 'Sum of talk time, hold included, seconds';

COMMENT ON COLUMN v_calls_by_hour.mean_talk_seconds IS 'Mean talk time, hold included; null without any, seconds';

COMMENT ON COLUMN v_calls_by_hour.hold_seconds IS 'Sum of hold time, included in talk_seconds, seconds';

COMMENT ON VIEW v_agent_day IS 'Talks, rings, states and ratings of an agent on a day; a state over midnight is split between the days, a talk counts on the day of its start';

COMMENT ON COLUMN v_agent_day.talks IS 'Talks that started on the day, direct calls included';

COMMENT ON COLUMN v_agent_day.direct_talks IS 'Talks of direct calls; they are included in talks';

COMMENT ON COLUMN v_agent_day.partial_talks IS 'Talks seen in part; their duration is in no sum';

COMMENT ON COLUMN v_agent_day.talk_seconds IS 'Sum of talk time, hold included, seconds';

COMMENT ON COLUMN v_agent_day.hold_seconds IS 'Sum of hold time, included in talk_seconds, seconds';

COMMENT ON COLUMN v_agent_day.rings IS 'Ring attempts of the agent''s phone that started on the day';

COMMENT ON COLUMN v_agent_day.rings_answered IS 'Ring attempts with the outcome answered';

COMMENT ON COLUMN v_agent_day.rings_no_answer IS 'Ring attempts with the outcome no_answer';

COMMENT ON COLUMN v_agent_day.rings_busy IS 'Ring attempts with the outcome busy';

COMMENT ON COLUMN v_agent_day.rings_congestion IS 'Ring attempts with the outcome congestion';

COMMENT ON COLUMN v_agent_day.rings_declined IS 'Ring attempts with the outcome declined';

COMMENT ON COLUMN v_agent_day.rings_answered_elsewhere IS 'Ring attempts with the outcome answered_elsewhere';

COMMENT ON COLUMN v_agent_day.rings_caller_gone IS 'Ring attempts with the outcome caller_gone';

COMMENT ON COLUMN v_agent_day.rings_unobserved IS 'Ring attempts with the outcome unobserved';

COMMENT ON COLUMN v_agent_day.logged_out_seconds IS 'Time in the state logged_out on the day, seconds';

COMMENT ON COLUMN v_agent_day.available_seconds IS 'Time in the state available on the day, seconds';

COMMENT ON COLUMN v_agent_day.ringing_seconds IS 'Time in the state ringing on the day, seconds';

COMMENT ON COLUMN v_agent_day.talking_seconds IS 'Time in the state talking on the day, seconds';

COMMENT ON COLUMN v_agent_day.wrap_up_seconds IS 'Time in the state wrap_up on the day, seconds';

COMMENT ON COLUMN v_agent_day.paused_seconds IS 'Time in the state paused on the day, seconds';

COMMENT ON COLUMN v_agent_day.unreachable_seconds IS 'Time in the state unreachable on the day, seconds';

COMMENT ON COLUMN v_agent_day.ratings IS 'Answers on the day that rate the agent, of any kind';

COMMENT ON COLUMN v_agent_day.csat_ratings IS 'Ratings of the kind csat (1 to 5)';

COMMENT ON COLUMN v_agent_day.csat_satisfied IS 'csat ratings of 4 or 5: satisfied';

COMMENT ON COLUMN v_agent_day.csat_mean IS 'Mean of the csat ratings; null without any; do not compare means of fewer than 15 ratings';

COMMENT ON VIEW v_ratings IS 'One answer of a caller, with the wait and the talk that it rates';

COMMENT ON COLUMN v_ratings.rated_at IS 'Time of the answer, UTC';

COMMENT ON COLUMN v_ratings.kind IS 'Kind of the question, such as csat; config/docs/schema.md lists them with their values';

COMMENT ON COLUMN v_ratings.value IS 'Score; yes_no: 1 (yes) or 0 (no); choice: the key; comment: seconds of the recording';

COMMENT ON COLUMN v_ratings.label IS 'Meaning of value in words: yes or no, or the label of a choice; else empty';

COMMENT ON COLUMN v_ratings.tries IS 'Number of attempts until the input was valid; 1: the first was valid';

COMMENT ON COLUMN v_ratings.queue IS 'Rated queue; empty if the answer rates the company as a whole';

COMMENT ON COLUMN v_ratings.agent IS 'Rated agent; empty if the answer rates the company as a whole';

COMMENT ON COLUMN v_ratings.interface IS 'Interface of the rated agent';

COMMENT ON COLUMN v_ratings.talked_at IS 'Start of the rated talk: the agent''s last one in that call and queue; for an answer about the company, the last talk before the survey; null if no talk was seen, UTC';

COMMENT ON COLUMN v_ratings.talk_seconds IS 'Duration of the rated talk; null if it was not seen from start to end, seconds';

COMMENT ON COLUMN v_ratings.wait_seconds IS 'Wait time in the queue before the rated talk; null without a queue, or if no answered visit was seen, seconds';
