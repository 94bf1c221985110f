ALTER TABLE calls
    MODIFY call_id VARCHAR(150) NOT NULL COMMENT 'Linkedid of the call: all rows of one call on one PBX share it',
    MODIFY direction VARCHAR(64) NOT NULL COMMENT 'Direction of the call, seen from the contact centre: in, out, internal',
    MODIFY started_at DATETIME(6) NOT NULL COMMENT 'Start of the first channel, UTC',
    MODIFY ended_at DATETIME(6) NOT NULL COMMENT 'End of the last channel, UTC',
    MODIFY caller_number VARCHAR(80) NOT NULL COMMENT 'Caller''s number, personal data; empty if withheld',
    MODIFY dialed VARCHAR(80) NOT NULL COMMENT 'First dialled extension; the called number of an outgoing call is personal data',
    MODIFY queue VARCHAR(128) NOT NULL COMMENT 'First queue that the caller entered; empty for a call without a queue',
    MODIFY answered BOOL NOT NULL COMMENT 'True if an agent of a queue or another phone answered',
    MODIFY queues INTEGER NOT NULL COMMENT 'Number of queue visits (rows of queue_visits)',
    MODIFY talks INTEGER NOT NULL COMMENT 'Number of talks (rows of talks)',
    MODIFY wait_seconds DOUBLE NOT NULL COMMENT 'Sum of the wait time in queues before the first answer, seconds',
    MODIFY talk_seconds DOUBLE NOT NULL COMMENT 'Sum of the talk time of talks that are not partial, hold included, seconds',
    MODIFY partial BOOL NOT NULL COMMENT 'True if the start, the end or a part of a talk was not observed',
    MODIFY caller_key VARCHAR(64) NOT NULL COMMENT 'Caller key of the outside party (of the caller, or of the called party of an outgoing call), personal data; empty if the number is withheld' DEFAULT '',
    COMMENT = 'One call, from the start of its first channel to the end of its last; calls without a queue are stored if direct_calls.enabled';

ALTER TABLE queue_visits
    MODIFY call_id VARCHAR(150) NOT NULL COMMENT 'Linkedid of the call: all rows of one call on one PBX share it',
    MODIFY entered_at DATETIME(6) NOT NULL COMMENT 'Time at which the caller entered the queue, UTC',
    MODIFY left_at DATETIME(6) NOT NULL COMMENT 'Time at which the caller left the queue, whatever the outcome, UTC',
    MODIFY outcome VARCHAR(64) NOT NULL COMMENT 'Outcome of the visit: answered, abandoned, timed_out, left_by_key, queue_full, join_empty, leave_empty, join_unavailable, leave_unavailable, transferred_away, unobserved',
    MODIFY position INTEGER NOT NULL COMMENT 'Position in the queue on entry, from 1; 0 if the entry was not observed',
    MODIFY caller_number VARCHAR(80) NOT NULL COMMENT 'Caller''s number, personal data; empty if withheld',
    MODIFY ringing BOOL NOT NULL COMMENT 'True if an agent''s phone was ringing as the caller left',
    MODIFY decided_by VARCHAR(64) NOT NULL COMMENT 'Event of the PBX that determined the outcome',
    MODIFY source VARCHAR(64) NOT NULL COMMENT 'Source of the row: observed (events of the PBX), queue_log (imported)' DEFAULT 'observed',
    MODIFY caller_key VARCHAR(64) NOT NULL COMMENT 'Caller key, the same in all calls of a caller, personal data; empty if the number is withheld' DEFAULT '',
    COMMENT = 'One visit: the stay of one caller in one queue; a call has one visit for each queue it entered';

ALTER TABLE rings
    MODIFY call_id VARCHAR(150) NOT NULL COMMENT 'Linkedid of the call: all rows of one call on one PBX share it',
    MODIFY started_at DATETIME(6) NOT NULL COMMENT 'Start of the ringing, UTC',
    MODIFY ended_at DATETIME(6) NOT NULL COMMENT 'End of the ringing, UTC',
    MODIFY outcome VARCHAR(64) NOT NULL COMMENT 'Outcome of the ring: answered, no_answer, busy, congestion, declined, answered_elsewhere, caller_gone, unobserved',
    COMMENT = 'One ring: a ring attempt of one agent''s phone for one caller';

ALTER TABLE talks
    MODIFY call_id VARCHAR(150) NOT NULL COMMENT 'Linkedid of the call: all rows of one call on one PBX share it',
    MODIFY queue VARCHAR(128) NOT NULL COMMENT 'Queue; empty for a direct call, which has no queue',
    MODIFY answered_at DATETIME(6) NOT NULL COMMENT 'Time from which agent and caller could hear each other, UTC',
    MODIFY ended_at DATETIME(6) NOT NULL COMMENT 'Time at which the agent left, UTC',
    MODIFY holds INTEGER NOT NULL COMMENT 'Number of times that the caller was put on hold',
    MODIFY ended_by VARCHAR(64) NOT NULL COMMENT 'Party that ended the talk: caller, agent, transfer, system, unobserved',
    MODIFY transfer VARCHAR(64) COMMENT 'Kind of transfer to another destination by the agent: blind, attended; null: no transfer',
    MODIFY transfer_target VARCHAR(128) COMMENT 'Destination of the transfer; null unless transferred',
    MODIFY source VARCHAR(64) NOT NULL COMMENT 'Source of the row: observed (events of the PBX), queue_log (imported)' DEFAULT 'observed',
    MODIFY picked_up BOOL NOT NULL COMMENT 'True if a phone other than the ringing one picked up the call' DEFAULT false,
    MODIFY partial BOOL NOT NULL COMMENT 'True if the start or end was not observed; then talk_seconds must not be counted' DEFAULT false,
    COMMENT = 'One talk: the conversation of one caller with one agent, from the agent''s entry into the bridge until the agent leaves it';

ALTER TABLE agent_intervals
    MODIFY started_at DATETIME(6) NOT NULL COMMENT 'Start of the state, UTC',
    MODIFY ended_at DATETIME(6) NOT NULL COMMENT 'End of the state, UTC',
    MODIFY reason VARCHAR(128) NOT NULL COMMENT 'Reason of a pause; do_not_disturb if unreachable for that reason; else empty',
    MODIFY queue VARCHAR(128) NOT NULL COMMENT 'Queue of the talk before a wrap-up, else empty',
    MODIFY flagged BOOL NOT NULL COMMENT 'True for a wrap-up that was ended at its maximum length',
    COMMENT = 'One period of one agent in one state, across all queues of the agent';

ALTER TABLE survey_decisions
    MODIFY call_id VARCHAR(150) NOT NULL COMMENT 'Linkedid of the call: all rows of one call on one PBX share it',
    MODIFY interface VARCHAR(128) NOT NULL COMMENT 'Interface of the agent of the last talk',
    MODIFY decided_at DATETIME(6) NOT NULL COMMENT 'Time of the decision, UTC',
    MODIFY survey VARCHAR(64) NOT NULL COMMENT 'Survey definition; empty if none was chosen',
    MODIFY `trigger` VARCHAR(64) NOT NULL COMMENT 'Event that started the survey: queue, dial, extension, callback',
    MODIFY stage VARCHAR(64) NOT NULL COMMENT 'Decision: invited, caller_left_first, or the reason for no invitation',
    MODIFY caller_key VARCHAR(64) NOT NULL COMMENT 'Caller key, the same in all calls of a caller, personal data; empty if the number is withheld',
    COMMENT = 'One survey decision: an eligible caller who was invited, or was not for the reason in stage';

ALTER TABLE survey_attempts
    MODIFY attempt_id VARCHAR(150) NOT NULL COMMENT 'Id of the attempt, unique on its PBX',
    MODIFY call_id VARCHAR(150) NOT NULL COMMENT 'Linkedid of the call: all rows of one call on one PBX share it',
    MODIFY interface VARCHAR(128) NOT NULL COMMENT 'Interface of the agent of the rated talk',
    MODIFY version INTEGER NOT NULL COMMENT 'Version of the survey definition',
    MODIFY started_at DATETIME(6) NOT NULL COMMENT 'Start of the survey, UTC',
    MODIFY ended_at DATETIME(6) COMMENT 'End of the survey; null: it is in progress, or the daemon was killed during it, UTC',
    MODIFY result VARCHAR(64) NOT NULL COMMENT 'Result of the survey: started, complete, partial, declined',
    MODIFY reason VARCHAR(64) NOT NULL COMMENT 'Reason why the survey is not complete: hung_up, no_input, invalid, skipped, opted_out, time_limit, error, shutdown; else empty',
    MODIFY `trigger` VARCHAR(64) NOT NULL COMMENT 'Event that started the survey: queue, dial, extension, callback' DEFAULT 'queue',
    MODIFY attributed_by VARCHAR(64) NOT NULL COMMENT 'Source of the rated queue and agent: events, channel' DEFAULT 'events',
    MODIFY caller_key VARCHAR(64) NOT NULL COMMENT 'Caller key, the same in all calls of a caller, personal data; empty if the number is withheld' DEFAULT '',
    COMMENT = 'One survey attempt: a survey that was started with one caller';

ALTER TABLE answers
    MODIFY attempt_id VARCHAR(150) NOT NULL COMMENT 'Id of the answer''s survey attempt',
    MODIFY question VARCHAR(64) NOT NULL COMMENT 'Id of the question in the survey definition',
    MODIFY kind VARCHAR(64) NOT NULL COMMENT 'Kind of the question, such as csat; config/docs/schema.md lists them with their values',
    MODIFY value INTEGER NOT NULL COMMENT 'Score; yes_no: 1 (yes) or 0 (no); choice: the key; comment: seconds of the recording',
    MODIFY tries INTEGER NOT NULL COMMENT 'Number of attempts until the input was valid; 1: the first was valid',
    MODIFY answered_at DATETIME(6) NOT NULL COMMENT 'Time of the answer, UTC',
    MODIFY queue VARCHAR(128) NOT NULL COMMENT 'Rated queue; empty if the answer rates the company as a whole' DEFAULT '',
    MODIFY agent VARCHAR(128) NOT NULL COMMENT 'Rated agent; empty if the answer rates the company as a whole' DEFAULT '',
    MODIFY interface VARCHAR(128) NOT NULL COMMENT 'Interface of the rated agent' DEFAULT '',
    MODIFY label VARCHAR(128) NOT NULL COMMENT 'Meaning of value in words: yes or no, or the label of a choice; else empty' DEFAULT '',
    COMMENT = 'One valid answer of a caller; its survey_attempts row has the same pbx and attempt_id';

ALTER TABLE surveys
    MODIFY version INTEGER NOT NULL COMMENT 'Version of the survey definition',
    MODIFY languages VARCHAR(255) NOT NULL COMMENT 'Languages, separated by commas; callers of another language hear the first',
    MODIFY questions TEXT NOT NULL COMMENT 'JSON: the list of questions in order, each with id, kind, ask (the prompt), rates (subject of the rating), scale (lowest and highest value, or null) and labels (value: meaning)',
    MODIFY first_seen DATETIME(6) NOT NULL COMMENT 'Time at which the version was first loaded, UTC',
    COMMENT = 'One version of a survey definition with its questions, as it was first loaded';

ALTER TABLE opt_outs
    MODIFY caller_key VARCHAR(64) NOT NULL COMMENT 'Caller key, the same in all calls of a caller, personal data; empty if the number is withheld',
    MODIFY updated_at DATETIME(6) NOT NULL COMMENT 'Time of the opt-out or opt-in, UTC',
    MODIFY opted_out BOOL NOT NULL COMMENT 'True: no survey invitations; false: invitations again',
    MODIFY source VARCHAR(64) NOT NULL COMMENT 'Source: key (pressed in a survey), command',
    COMMENT = 'The last opt-out or opt-in of a caller; it is valid on all PBXs';

ALTER TABLE customers
    MODIFY caller_key VARCHAR(64) NOT NULL COMMENT 'Caller key, the same in all calls of a caller, personal data; empty if the number is withheld',
    MODIFY customer_id VARCHAR(64) NOT NULL COMMENT 'Customer id in the CRM; numbers with one id belong to one customer; may be empty',
    MODIFY updated_at DATETIME(6) NOT NULL COMMENT 'Time of the last change by an import, UTC',
    COMMENT = 'The customer behind a number, as imported from a CRM; it is valid on all PBXs';

ALTER TABLE follow_ups
    MODIFY follow_up_id VARCHAR(64) NOT NULL COMMENT 'Id computed from PBX, reason and cause, so that a cause opens one',
    MODIFY pbx VARCHAR(64) NOT NULL COMMENT 'Name of the PBX whose call opened the follow-up',
    MODIFY reason VARCHAR(64) NOT NULL COMMENT 'Reason: low_rating, not_solved, comment, abandoned_twice, long_wait',
    MODIFY caller_key VARCHAR(64) NOT NULL COMMENT 'Caller key, the same in all calls of a caller, personal data; never empty',
    MODIFY number VARCHAR(80) NOT NULL COMMENT 'Caller''s number in the form that callers.number_storage allows, personal data',
    MODIFY queue VARCHAR(128) NOT NULL COMMENT 'Queue of the call that opened the follow-up; empty for a direct call',
    MODIFY agent VARCHAR(128) NOT NULL COMMENT 'Agent of the rated talk, or agent who answered after the wait; may be empty',
    MODIFY call_id VARCHAR(150) NOT NULL COMMENT 'Linkedid of the call that opened the follow-up',
    MODIFY detail VARCHAR(255) NOT NULL COMMENT 'Cause in words, such as csat=1 or waited 612 s',
    MODIFY owner VARCHAR(64) NOT NULL COMMENT 'Owner of the queue in the configuration at the time of opening; may be empty',
    MODIFY opened_at DATETIME(6) NOT NULL COMMENT 'Time of the cause, UTC',
    MODIFY due_at DATETIME(6) NOT NULL COMMENT 'Due time: opened_at plus the allowed business hours, UTC',
    MODIFY state VARCHAR(64) NOT NULL COMMENT 'State: open, taken, done, dismissed',
    MODIFY taken_by VARCHAR(64) NOT NULL COMMENT 'Person who took the follow-up; empty: not taken',
    MODIFY taken_at DATETIME(6) COMMENT 'Time of taking; null: not taken, UTC',
    MODIFY closed_by VARCHAR(64) NOT NULL COMMENT 'Person who closed the follow-up; empty: not closed',
    MODIFY closed_at DATETIME(6) COMMENT 'Time of closing (done or dismissed); null: not closed, UTC',
    MODIFY outcome VARCHAR(1000) NOT NULL COMMENT 'Outcome, or reason for the dismissal, as typed by the person who closed it',
    MODIFY linked_call_id VARCHAR(150) NOT NULL COMMENT 'Linkedid of the next answered call; empty: none yet',
    MODIFY linked_at DATETIME(6) COMMENT 'Start of the next answered call; null: none yet, UTC',
    MODIFY open_key VARCHAR(255) COMMENT 'Reason and customer of an unclosed follow-up, unique; null when closed',
    COMMENT = 'One follow-up: a customer who should be called back, for one reason';

ALTER TABLE digest_deliveries
    MODIFY frequency VARCHAR(64) NOT NULL COMMENT 'Period of the digest: day, week, month',
    MODIFY first_day VARCHAR(64) NOT NULL COMMENT 'First day of the period, such as 2026-11-16',
    MODIFY owner VARCHAR(64) NOT NULL COMMENT 'Owner whose queues the digest covers; empty: all queues',
    MODIFY address VARCHAR(255) NOT NULL COMMENT 'Recipient''s email address, personal data',
    MODIFY last_day VARCHAR(64) NOT NULL COMMENT 'Last day of the period, included',
    MODIFY enqueued_at DATETIME(6) NOT NULL COMMENT 'Time from which the digest should be sent, UTC',
    MODIFY state VARCHAR(64) NOT NULL COMMENT 'State: waiting, claimed, sending, sent, failed, unclear',
    MODIFY claimed_by VARCHAR(64) NOT NULL COMMENT 'Process that makes and sends the digest; empty: none yet',
    MODIFY attempts INTEGER NOT NULL COMMENT 'Number of attempts',
    MODIFY next_attempt_at DATETIME(6) NOT NULL COMMENT 'Time of the next attempt; if claimed or sending, time at which the claim expires, UTC',
    MODIFY ended_at DATETIME(6) COMMENT 'Time of sending or of the final failure; null: not ended, UTC',
    MODIFY reason VARCHAR(255) NOT NULL COMMENT 'Reason why the last attempt failed; empty: it did not',
    COMMENT = 'One digest for one address; of several daemons only one sends it';

ALTER TABLE gaps
    MODIFY started_at DATETIME(6) NOT NULL COMMENT 'Start of the gap, UTC',
    MODIFY ended_at DATETIME(6) NOT NULL COMMENT 'End of the gap, UTC',
    MODIFY reason VARCHAR(128) NOT NULL COMMENT 'Reason: link_lost, pbx_restarted, message_dropped, daemon_down, clock_step',
    MODIFY calls_affected INTEGER NOT NULL COMMENT 'Number of visits and talks in progress when the gap started',
    COMMENT = 'One gap: a span in which the PBX was not observed; figures of that time are incomplete';

ALTER TABLE observation_watermarks
    MODIFY observed_until DATETIME(6) NOT NULL COMMENT 'Time until which the PBX was observed, UTC',
    COMMENT = 'The watermark of each PBX: the time until which it was observed, updated every few seconds';

ALTER TABLE open_state
    MODIFY kind VARCHAR(64) NOT NULL COMMENT 'Kind of checkpoint: call, agent',
    MODIFY name VARCHAR(150) NOT NULL COMMENT 'call_id of the call, or name of the agent',
    MODIFY state TEXT NOT NULL COMMENT 'Saved state in JSON; personal data',
    COMMENT = 'One checkpoint: the saved state of an open call or of an agent, from which a daemon continues after its predecessor was killed; always empty on a server, where the journal has the checkpoints';
