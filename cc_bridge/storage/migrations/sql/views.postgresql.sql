CREATE VIEW v_calls_by_hour AS
SELECT
    pbx AS pbx,
    queue AS queue,
    hour AS hour,
    CAST(SUM(CASE WHEN fact = 'visit' THEN n ELSE 0 END) AS BIGINT) AS visits,
    CAST(SUM(CASE WHEN outcome IN ('answered', 'abandoned', 'timed_out', 'left_by_key') THEN n ELSE 0 END) AS BIGINT) AS offered,
    CAST(SUM(CASE WHEN outcome = 'answered' THEN n ELSE 0 END) AS BIGINT) AS answered,
    CAST(SUM(CASE WHEN outcome = 'abandoned' THEN n ELSE 0 END) AS BIGINT) AS abandoned,
    CAST(SUM(CASE WHEN outcome IN ('timed_out', 'left_by_key', 'queue_full', 'join_empty', 'leave_empty', 'join_unavailable', 'leave_unavailable') THEN n ELSE 0 END) AS BIGINT) AS other_lost,
    CAST(SUM(CASE WHEN outcome = 'transferred_away' THEN n ELSE 0 END) AS BIGINT) AS transferred_away,
    CAST(SUM(CASE WHEN outcome = 'unobserved' THEN n ELSE 0 END) AS BIGINT) AS unobserved,
    CAST(SUM(CASE WHEN outcome = 'answered' THEN in_10 ELSE 0 END) AS BIGINT) AS answered_in_10,
    CAST(SUM(CASE WHEN outcome = 'answered' THEN in_20 ELSE 0 END) AS BIGINT) AS answered_in_20,
    CAST(SUM(CASE WHEN outcome = 'answered' THEN in_30 ELSE 0 END) AS BIGINT) AS answered_in_30,
    CAST(SUM(CASE WHEN outcome = 'answered' THEN in_60 ELSE 0 END) AS BIGINT) AS answered_in_60,
    CAST(SUM(CASE WHEN outcome = 'abandoned' THEN under_5 ELSE 0 END) AS BIGINT) AS abandoned_under_5,
    SUM(CASE WHEN fact = 'visit' THEN seconds ELSE 0 END) AS wait_seconds,
    SUM(CASE WHEN fact = 'visit' THEN seconds END) / SUM(CASE WHEN fact = 'visit' THEN n END) AS mean_wait_seconds,
    SUM(CASE WHEN outcome = 'answered' THEN seconds END) / SUM(CASE WHEN outcome = 'answered' THEN n END) AS mean_answer_seconds,
    MAX(longest) AS longest_wait_seconds,
    CAST(SUM(CASE WHEN fact IN ('talk', 'partial') THEN n ELSE 0 END) AS BIGINT) AS talks,
    CAST(SUM(CASE WHEN fact = 'partial' THEN n ELSE 0 END) AS BIGINT) AS partial_talks,
    SUM(CASE WHEN fact = 'talk' THEN seconds ELSE 0 END) AS talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN seconds END) / SUM(CASE WHEN fact = 'talk' THEN n END) AS mean_talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN hold_seconds ELSE 0 END) AS hold_seconds
FROM (
    SELECT pbx, queue, date_trunc('hour', entered_at AT TIME ZONE INTERVAL '0') AT TIME ZONE INTERVAL '0' AS hour, 'visit' AS fact, outcome, COUNT(*) AS n,
        SUM(wait_seconds) AS seconds, 0.0 AS hold_seconds, MAX(wait_seconds) AS longest,
        COUNT(CASE WHEN wait_seconds <= 10 THEN 1 END) AS in_10, COUNT(CASE WHEN wait_seconds <= 20 THEN 1 END) AS in_20, COUNT(CASE WHEN wait_seconds <= 30 THEN 1 END) AS in_30, COUNT(CASE WHEN wait_seconds <= 60 THEN 1 END) AS in_60,
        COUNT(CASE WHEN wait_seconds < 5 THEN 1 END) AS under_5
    FROM queue_visits GROUP BY hour, queue, pbx, outcome
    UNION ALL
    SELECT pbx, queue, date_trunc('hour', answered_at AT TIME ZONE INTERVAL '0') AT TIME ZONE INTERVAL '0' AS hour,
        CASE WHEN partial THEN 'partial' ELSE 'talk' END AS fact, '', COUNT(*),
        SUM(talk_seconds), SUM(hold_seconds), NULL, 0, 0, 0, 0, 0
    FROM talks WHERE queue <> '' GROUP BY hour, queue, pbx, fact
) AS facts
GROUP BY hour, queue, pbx;

COMMENT ON VIEW v_calls_by_hour IS 'Visits by the hour in which they began, talks by the hour in which they did';

COMMENT ON COLUMN v_calls_by_hour.pbx IS 'Name of the PBX in the configuration';

COMMENT ON COLUMN v_calls_by_hour.queue IS 'Queue';

COMMENT ON COLUMN v_calls_by_hour.hour IS 'When the hour began, UTC';

COMMENT ON COLUMN v_calls_by_hour.visits IS 'Visits that began in the hour; the outcomes add up to them';

COMMENT ON COLUMN v_calls_by_hour.offered IS 'Visits answered, abandoned, timed_out or left_by_key';

COMMENT ON COLUMN v_calls_by_hour.answered IS 'Visits that an agent answered';

COMMENT ON COLUMN v_calls_by_hour.abandoned IS 'Visits that ended when the caller hung up';

COMMENT ON COLUMN v_calls_by_hour.other_lost IS 'Visits lost otherwise: timed_out, left_by_key, queue_full, *_empty, *_unavailable';

COMMENT ON COLUMN v_calls_by_hour.transferred_away IS 'Visits that somebody else ended';

COMMENT ON COLUMN v_calls_by_hour.unobserved IS 'Visits whose end was not seen';

COMMENT ON COLUMN v_calls_by_hour.answered_in_10 IS 'Visits answered after a wait of at most 10 s';

COMMENT ON COLUMN v_calls_by_hour.answered_in_20 IS 'Visits answered after a wait of at most 20 s';

COMMENT ON COLUMN v_calls_by_hour.answered_in_30 IS 'Visits answered after a wait of at most 30 s';

COMMENT ON COLUMN v_calls_by_hour.answered_in_60 IS 'Visits answered after a wait of at most 60 s';

COMMENT ON COLUMN v_calls_by_hour.abandoned_under_5 IS 'Visits abandoned after a wait of less than 5 s, part of abandoned';

COMMENT ON COLUMN v_calls_by_hour.wait_seconds IS 'Sum of the waits of all visits, seconds';

COMMENT ON COLUMN v_calls_by_hour.mean_wait_seconds IS 'Mean wait of all visits; null without any, seconds';

COMMENT ON COLUMN v_calls_by_hour.mean_answer_seconds IS 'Average speed of answer, the mean wait of the answered; null without any, seconds';

COMMENT ON COLUMN v_calls_by_hour.longest_wait_seconds IS 'Longest wait of all visits; null without any, seconds';

COMMENT ON COLUMN v_calls_by_hour.talks IS 'Talks that began in the hour';

COMMENT ON COLUMN v_calls_by_hour.partial_talks IS 'Talks seen in part, whose length is in no sum or mean';

COMMENT ON COLUMN v_calls_by_hour.talk_seconds IS 'Sum of the talks, hold included, seconds';

COMMENT ON COLUMN v_calls_by_hour.mean_talk_seconds IS 'Mean talk; null without any, seconds';

COMMENT ON COLUMN v_calls_by_hour.hold_seconds IS 'Sum of the holds, part of the talks, seconds';

CREATE VIEW v_agent_day AS
WITH RECURSIVE whole_days (pbx, agent, state, day, last_day) AS (
    SELECT pbx, agent, state, (CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE) + 1), CAST(ended_at AT TIME ZONE INTERVAL '0' AS DATE) FROM agent_intervals
    WHERE CASE WHEN CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE) <> CAST(ended_at AT TIME ZONE INTERVAL '0' AS DATE) THEN 1 ELSE 0 END = 1 AND CASE WHEN (CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE) + 1) < CAST(ended_at AT TIME ZONE INTERVAL '0' AS DATE) THEN 1 ELSE 0 END = 1
    UNION ALL
    SELECT pbx, agent, state, (day + 1), last_day FROM whole_days WHERE (day + 1) < last_day
)
SELECT
    pbx AS pbx,
    agent AS agent,
    day AS day,
    CAST(SUM(CASE WHEN fact IN ('talk', 'partial') THEN n ELSE 0 END) AS BIGINT) AS talks,
    CAST(SUM(CASE WHEN fact IN ('talk', 'partial') AND word = 'direct' THEN n ELSE 0 END) AS BIGINT) AS direct_talks,
    CAST(SUM(CASE WHEN fact = 'partial' THEN n ELSE 0 END) AS BIGINT) AS partial_talks,
    SUM(CASE WHEN fact = 'talk' THEN amount ELSE 0 END) AS talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN hold_seconds ELSE 0 END) AS hold_seconds,
    CAST(SUM(CASE WHEN fact = 'ring' THEN n ELSE 0 END) AS BIGINT) AS rings,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'answered' THEN n ELSE 0 END) AS BIGINT) AS rings_answered,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'no_answer' THEN n ELSE 0 END) AS BIGINT) AS rings_no_answer,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'busy' THEN n ELSE 0 END) AS BIGINT) AS rings_busy,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'congestion' THEN n ELSE 0 END) AS BIGINT) AS rings_congestion,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'declined' THEN n ELSE 0 END) AS BIGINT) AS rings_declined,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'answered_elsewhere' THEN n ELSE 0 END) AS BIGINT) AS rings_answered_elsewhere,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'caller_gone' THEN n ELSE 0 END) AS BIGINT) AS rings_caller_gone,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'unobserved' THEN n ELSE 0 END) AS BIGINT) AS rings_unobserved,
    SUM(CASE WHEN fact = 'state' AND word = 'logged_out' THEN amount ELSE 0 END) AS logged_out_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'available' THEN amount ELSE 0 END) AS available_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'ringing' THEN amount ELSE 0 END) AS ringing_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'talking' THEN amount ELSE 0 END) AS talking_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'wrap_up' THEN amount ELSE 0 END) AS wrap_up_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'paused' THEN amount ELSE 0 END) AS paused_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'unreachable' THEN amount ELSE 0 END) AS unreachable_seconds,
    CAST(SUM(CASE WHEN fact IN ('rating', 'csat') THEN n ELSE 0 END) AS BIGINT) AS ratings,
    CAST(SUM(CASE WHEN fact = 'csat' THEN n ELSE 0 END) AS BIGINT) AS csat_ratings,
    CAST(SUM(CASE WHEN fact = 'csat' AND word = 'satisfied' THEN n ELSE 0 END) AS BIGINT) AS csat_satisfied,
    SUM(CASE WHEN fact = 'csat' THEN amount END) / SUM(CASE WHEN fact = 'csat' THEN n END) AS csat_mean
FROM (
    SELECT pbx, agent, CAST(answered_at AT TIME ZONE INTERVAL '0' AS DATE) AS day, CASE WHEN partial THEN 'partial' ELSE 'talk' END AS fact,
        CASE WHEN queue = '' THEN 'direct' ELSE 'queue' END AS word, COUNT(*) AS n,
        SUM(talk_seconds) AS amount, SUM(hold_seconds) AS hold_seconds
    FROM talks GROUP BY day, agent, pbx, fact, word
    UNION ALL
    SELECT pbx, agent, CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE) AS day, 'ring', outcome, COUNT(*), 0.0, 0.0
    FROM rings GROUP BY day, agent, pbx, outcome
    UNION ALL
    SELECT pbx, agent, CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE) AS day, 'state', state, 0,
        SUM(CASE WHEN CASE WHEN CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE) <> CAST(ended_at AT TIME ZONE INTERVAL '0' AS DATE) THEN 1 ELSE 0 END = 1 THEN 86400 - CAST(EXTRACT(EPOCH FROM CAST(started_at AT TIME ZONE INTERVAL '0' AS TIME)) AS DOUBLE PRECISION) ELSE seconds END), 0.0
    FROM agent_intervals GROUP BY day, agent, pbx, state
    UNION ALL
    SELECT pbx, agent, CAST(ended_at AT TIME ZONE INTERVAL '0' AS DATE), 'state', state, 0, CAST(EXTRACT(EPOCH FROM CAST(ended_at AT TIME ZONE INTERVAL '0' AS TIME)) AS DOUBLE PRECISION), 0.0
    FROM agent_intervals WHERE CASE WHEN CAST(started_at AT TIME ZONE INTERVAL '0' AS DATE) <> CAST(ended_at AT TIME ZONE INTERVAL '0' AS DATE) THEN 1 ELSE 0 END = 1 AND CAST(EXTRACT(EPOCH FROM CAST(ended_at AT TIME ZONE INTERVAL '0' AS TIME)) AS DOUBLE PRECISION) > 0
    UNION ALL
    SELECT pbx, agent, day, 'state', state, 0, 86400.0, 0.0 FROM whole_days
    UNION ALL
    SELECT pbx, agent, CAST(answered_at AT TIME ZONE INTERVAL '0' AS DATE) AS day,
        CASE WHEN kind = 'csat' THEN 'csat' ELSE 'rating' END AS fact,
        CASE WHEN value >= 4 THEN 'satisfied' ELSE 'not satisfied' END AS word,
        COUNT(*), SUM(value) * 1.0, 0.0
    FROM answers WHERE kind <> 'comment' GROUP BY day, agent, pbx, fact, word
) AS facts
WHERE agent <> '' GROUP BY day, agent, pbx;

COMMENT ON VIEW v_agent_day IS 'What an agent did on a day and how callers rated it; a state that lasts over midnight is split between the days, a talk counts on the day on which it began';

COMMENT ON COLUMN v_agent_day.pbx IS 'Name of the PBX in the configuration';

COMMENT ON COLUMN v_agent_day.agent IS 'Name of the agent';

COMMENT ON COLUMN v_agent_day.day IS 'Day, from midnight to midnight UTC';

COMMENT ON COLUMN v_agent_day.talks IS 'Talks that began on the day, direct calls among them';

COMMENT ON COLUMN v_agent_day.direct_talks IS 'Talks of direct calls, part of talks';

COMMENT ON COLUMN v_agent_day.partial_talks IS 'Talks seen in part, whose length is in no sum';

COMMENT ON COLUMN v_agent_day.talk_seconds IS 'Sum of the talks, hold included, seconds';

COMMENT ON COLUMN v_agent_day.hold_seconds IS 'Sum of the holds, part of the talks, seconds';

COMMENT ON COLUMN v_agent_day.rings IS 'Attempts to reach the agent that began on the day';

COMMENT ON COLUMN v_agent_day.rings_answered IS 'Of them answered';

COMMENT ON COLUMN v_agent_day.rings_no_answer IS 'Of them no_answer';

COMMENT ON COLUMN v_agent_day.rings_busy IS 'Of them busy';

COMMENT ON COLUMN v_agent_day.rings_congestion IS 'Of them congestion';

COMMENT ON COLUMN v_agent_day.rings_declined IS 'Of them declined';

COMMENT ON COLUMN v_agent_day.rings_answered_elsewhere IS 'Of them answered_elsewhere';

COMMENT ON COLUMN v_agent_day.rings_caller_gone IS 'Of them caller_gone';

COMMENT ON COLUMN v_agent_day.rings_unobserved IS 'Of them unobserved';

COMMENT ON COLUMN v_agent_day.logged_out_seconds IS 'Time logged_out on the day, seconds';

COMMENT ON COLUMN v_agent_day.available_seconds IS 'Time available on the day, seconds';

COMMENT ON COLUMN v_agent_day.ringing_seconds IS 'Time ringing on the day, seconds';

COMMENT ON COLUMN v_agent_day.talking_seconds IS 'Time talking on the day, seconds';

COMMENT ON COLUMN v_agent_day.wrap_up_seconds IS 'Time wrap_up on the day, seconds';

COMMENT ON COLUMN v_agent_day.paused_seconds IS 'Time paused on the day, seconds';

COMMENT ON COLUMN v_agent_day.unreachable_seconds IS 'Time unreachable on the day, seconds';

COMMENT ON COLUMN v_agent_day.ratings IS 'Answers on the day that rate the agent, on any scale';

COMMENT ON COLUMN v_agent_day.csat_ratings IS 'Of them on the scale of 1 to 5';

COMMENT ON COLUMN v_agent_day.csat_satisfied IS 'Of these 4 or 5: satisfied';

COMMENT ON COLUMN v_agent_day.csat_mean IS 'Mean on the scale of 1 to 5; null without any, and with fewer than 15 not to be compared';

CREATE VIEW v_ratings AS
SELECT
    rated.pbx AS pbx,
    attempt_id AS attempt_id,
    question AS question,
    call_id AS call_id,
    rated_at AS rated_at,
    survey AS survey,
    version AS version,
    kind AS kind,
    value AS value,
    label AS label,
    tries AS tries,
    language AS language,
    rated.queue AS queue,
    rated.agent AS agent,
    rated.interface AS interface,
    talked_at AS talked_at,
    (
        SELECT CASE WHEN talks.partial THEN NULL ELSE talks.talk_seconds END FROM talks
        WHERE COALESCE(talks.pbx, '') = rated.pbx AND talks.call_id = rated.call_id
            AND COALESCE(talks.queue, '') = rated.talk_queue AND COALESCE(talks.agent, '') = rated.talk_agent
            AND talks.answered_at = rated.talked_at
        ORDER BY talks.agent_uniqueid, talks.uniqueid LIMIT 1
    ) AS talk_seconds,
    (
        SELECT queue_visits.wait_seconds FROM queue_visits
        WHERE COALESCE(queue_visits.pbx, '') = rated.pbx AND queue_visits.call_id = rated.call_id
            AND COALESCE(queue_visits.queue, '') = rated.talk_queue AND queue_visits.outcome = 'answered'
            AND COALESCE(queue_visits.entered_at, queue_visits.left_at)
                <= COALESCE(rated.talked_at, rated.rated_at)
        ORDER BY COALESCE(queue_visits.entered_at, queue_visits.left_at) DESC, queue_visits.uniqueid LIMIT 1
    ) AS wait_seconds
FROM (
    SELECT given.*, (
        SELECT MAX(CASE WHEN talks.answered_at <= given.rated_at THEN talks.answered_at END) FROM talks
        WHERE COALESCE(talks.pbx, '') = given.pbx AND talks.call_id = given.call_id
            AND COALESCE(talks.queue, '') = given.talk_queue AND COALESCE(talks.agent, '') = given.talk_agent
    ) AS talked_at
    FROM (
        SELECT answers.pbx, answers.attempt_id, answers.question, answers.kind, answers.value, answers.label,
            answers.tries, answers.answered_at AS rated_at, answers.queue, answers.agent, answers.interface,
            attempts.call_id, attempts.survey, attempts.version, attempts.language,
            CASE WHEN answers.agent = '' THEN attempts.queue ELSE answers.queue END AS talk_queue,
            CASE WHEN answers.agent = '' THEN attempts.agent ELSE answers.agent END AS talk_agent
        FROM answers LEFT JOIN survey_attempts AS attempts
            ON attempts.pbx = answers.pbx AND attempts.attempt_id = answers.attempt_id
    ) AS given
) AS rated;

COMMENT ON VIEW v_ratings IS 'One answer of a caller with the wait and the talk that it is about';

COMMENT ON COLUMN v_ratings.pbx IS 'Name of the PBX in the configuration';

COMMENT ON COLUMN v_ratings.attempt_id IS 'Attempt, unique on its PBX';

COMMENT ON COLUMN v_ratings.question IS 'Question in the survey definition';

COMMENT ON COLUMN v_ratings.call_id IS 'Linkedid of the call; null when the attempt is not stored';

COMMENT ON COLUMN v_ratings.rated_at IS 'When the key was pressed, UTC';

COMMENT ON COLUMN v_ratings.survey IS 'Survey definition; null when the attempt is not stored';

COMMENT ON COLUMN v_ratings.version IS 'Version of that definition; null when the attempt is not stored';

COMMENT ON COLUMN v_ratings.kind IS 'Kind of the question: csat, nps, nps_0_9, ces, yes_no, choice, comment';

COMMENT ON COLUMN v_ratings.value IS 'Score; 1 for yes, 0 for no; key of a choice; seconds of a spoken comment';

COMMENT ON COLUMN v_ratings.label IS 'What the key of a choice means, else empty';

COMMENT ON COLUMN v_ratings.tries IS 'Keys and silences until the answer was valid, 1 for the first';

COMMENT ON COLUMN v_ratings.language IS 'Language of the prompts; null when the attempt is not stored';

COMMENT ON COLUMN v_ratings.queue IS 'Queue that it rates; empty for the company as a whole';

COMMENT ON COLUMN v_ratings.agent IS 'Agent whom it rates; empty for the company as a whole';

COMMENT ON COLUMN v_ratings.interface IS 'Interface of that agent';

COMMENT ON COLUMN v_ratings.talked_at IS 'When the rated talk began, the agent''s last one in that call and queue; of an answer about the company the last talk; null when it was not seen, UTC';

COMMENT ON COLUMN v_ratings.talk_seconds IS 'Length of that talk; null when it was not seen whole, seconds';

COMMENT ON COLUMN v_ratings.wait_seconds IS 'Wait in that queue before that talk; null without a queue, or when the answer was not seen, seconds';
