CREATE VIEW v_calls_by_hour AS
SELECT
    pbx AS pbx,
    queue AS queue,
    hour AS hour,
    CAST(SUM(CASE WHEN fact = 'visit' THEN n ELSE 0 END) AS INTEGER) AS visits,
    CAST(SUM(CASE WHEN outcome IN ('answered', 'abandoned', 'timed_out', 'left_by_key') THEN n ELSE 0 END) AS INTEGER) AS offered,
    CAST(SUM(CASE WHEN outcome = 'answered' THEN n ELSE 0 END) AS INTEGER) AS answered,
    CAST(SUM(CASE WHEN outcome = 'abandoned' THEN n ELSE 0 END) AS INTEGER) AS abandoned,
    CAST(SUM(CASE WHEN outcome IN ('timed_out', 'left_by_key', 'queue_full', 'join_empty', 'leave_empty', 'join_unavailable', 'leave_unavailable') THEN n ELSE 0 END) AS INTEGER) AS other_lost,
    CAST(SUM(CASE WHEN outcome = 'transferred_away' THEN n ELSE 0 END) AS INTEGER) AS transferred_away,
    CAST(SUM(CASE WHEN outcome = 'unobserved' THEN n ELSE 0 END) AS INTEGER) AS unobserved,
    CAST(SUM(CASE WHEN outcome = 'answered' THEN in_10 ELSE 0 END) AS INTEGER) AS answered_in_10,
    CAST(SUM(CASE WHEN outcome = 'answered' THEN in_20 ELSE 0 END) AS INTEGER) AS answered_in_20,
    CAST(SUM(CASE WHEN outcome = 'answered' THEN in_30 ELSE 0 END) AS INTEGER) AS answered_in_30,
    CAST(SUM(CASE WHEN outcome = 'answered' THEN in_60 ELSE 0 END) AS INTEGER) AS answered_in_60,
    CAST(SUM(CASE WHEN outcome = 'abandoned' THEN under_5 ELSE 0 END) AS INTEGER) AS abandoned_under_5,
    SUM(CASE WHEN fact = 'visit' THEN seconds ELSE 0 END) AS wait_seconds,
    SUM(CASE WHEN fact = 'visit' THEN seconds END) / SUM(CASE WHEN fact = 'visit' THEN n END) AS mean_wait_seconds,
    SUM(CASE WHEN outcome = 'answered' THEN seconds END) / SUM(CASE WHEN outcome = 'answered' THEN n END) AS mean_answer_seconds,
    MAX(longest) AS longest_wait_seconds,
    CAST(SUM(CASE WHEN fact IN ('talk', 'partial') THEN n ELSE 0 END) AS INTEGER) AS talks,
    CAST(SUM(CASE WHEN fact = 'partial' THEN n ELSE 0 END) AS INTEGER) AS partial_talks,
    SUM(CASE WHEN fact = 'talk' THEN seconds ELSE 0 END) AS talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN seconds END) / SUM(CASE WHEN fact = 'talk' THEN n END) AS mean_talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN hold_seconds ELSE 0 END) AS hold_seconds
FROM (
    SELECT pbx, queue, substr(entered_at, 1, 13) || ':00:00.000000' AS hour, 'visit' AS fact, outcome, COUNT(*) AS n,
        SUM(wait_seconds) AS seconds, 0.0 AS hold_seconds, MAX(wait_seconds) AS longest,
        COUNT(CASE WHEN wait_seconds <= 10 THEN 1 END) AS in_10, COUNT(CASE WHEN wait_seconds <= 20 THEN 1 END) AS in_20, COUNT(CASE WHEN wait_seconds <= 30 THEN 1 END) AS in_30, COUNT(CASE WHEN wait_seconds <= 60 THEN 1 END) AS in_60,
        COUNT(CASE WHEN wait_seconds < 5 THEN 1 END) AS under_5
    FROM queue_visits GROUP BY hour, queue, pbx, outcome
    UNION ALL
    SELECT pbx, queue, substr(answered_at, 1, 13) || ':00:00.000000' AS hour,
        CASE WHEN partial THEN 'partial' ELSE 'talk' END AS fact, '', COUNT(*),
        SUM(talk_seconds), SUM(hold_seconds), NULL, 0, 0, 0, 0, 0
    FROM talks WHERE queue <> '' GROUP BY hour, queue, pbx, fact
) AS facts
GROUP BY hour, queue, pbx;

CREATE VIEW v_agent_day AS
WITH RECURSIVE whole_days (pbx, agent, state, day, last_day) AS (
    SELECT pbx, agent, state, date(started_at, '+1 day'), substr(ended_at, 1, 10) FROM agent_intervals
    WHERE CASE WHEN substr(started_at, 1, 10) <> substr(ended_at, 1, 10) THEN 1 ELSE 0 END = 1 AND CASE WHEN date(started_at, '+1 day') < substr(ended_at, 1, 10) THEN 1 ELSE 0 END = 1
    UNION ALL
    SELECT pbx, agent, state, date(day, '+1 day'), last_day FROM whole_days WHERE date(day, '+1 day') < last_day
)
SELECT
    pbx AS pbx,
    agent AS agent,
    day AS day,
    CAST(SUM(CASE WHEN fact IN ('talk', 'partial') THEN n ELSE 0 END) AS INTEGER) AS talks,
    CAST(SUM(CASE WHEN fact IN ('talk', 'partial') AND word = 'direct' THEN n ELSE 0 END) AS INTEGER) AS direct_talks,
    CAST(SUM(CASE WHEN fact = 'partial' THEN n ELSE 0 END) AS INTEGER) AS partial_talks,
    SUM(CASE WHEN fact = 'talk' THEN amount ELSE 0 END) AS talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN hold_seconds ELSE 0 END) AS hold_seconds,
    CAST(SUM(CASE WHEN fact = 'ring' THEN n ELSE 0 END) AS INTEGER) AS rings,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'answered' THEN n ELSE 0 END) AS INTEGER) AS rings_answered,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'no_answer' THEN n ELSE 0 END) AS INTEGER) AS rings_no_answer,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'busy' THEN n ELSE 0 END) AS INTEGER) AS rings_busy,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'congestion' THEN n ELSE 0 END) AS INTEGER) AS rings_congestion,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'declined' THEN n ELSE 0 END) AS INTEGER) AS rings_declined,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'answered_elsewhere' THEN n ELSE 0 END) AS INTEGER) AS rings_answered_elsewhere,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'caller_gone' THEN n ELSE 0 END) AS INTEGER) AS rings_caller_gone,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'unobserved' THEN n ELSE 0 END) AS INTEGER) AS rings_unobserved,
    SUM(CASE WHEN fact = 'state' AND word = 'logged_out' THEN amount ELSE 0 END) AS logged_out_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'available' THEN amount ELSE 0 END) AS available_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'ringing' THEN amount ELSE 0 END) AS ringing_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'talking' THEN amount ELSE 0 END) AS talking_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'wrap_up' THEN amount ELSE 0 END) AS wrap_up_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'paused' THEN amount ELSE 0 END) AS paused_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'unreachable' THEN amount ELSE 0 END) AS unreachable_seconds,
    CAST(SUM(CASE WHEN fact IN ('rating', 'csat') THEN n ELSE 0 END) AS INTEGER) AS ratings,
    CAST(SUM(CASE WHEN fact = 'csat' THEN n ELSE 0 END) AS INTEGER) AS csat_ratings,
    CAST(SUM(CASE WHEN fact = 'csat' AND word = 'satisfied' THEN n ELSE 0 END) AS INTEGER) AS csat_satisfied,
    SUM(CASE WHEN fact = 'csat' THEN amount END) / SUM(CASE WHEN fact = 'csat' THEN n END) AS csat_mean
FROM (
    SELECT pbx, agent, substr(answered_at, 1, 10) AS day, CASE WHEN partial THEN 'partial' ELSE 'talk' END AS fact,
        CASE WHEN queue = '' THEN 'direct' ELSE 'queue' END AS word, COUNT(*) AS n,
        SUM(talk_seconds) AS amount, SUM(hold_seconds) AS hold_seconds
    FROM talks GROUP BY day, agent, pbx, fact, word
    UNION ALL
    SELECT pbx, agent, substr(started_at, 1, 10) AS day, 'ring', outcome, COUNT(*), 0.0, 0.0
    FROM rings GROUP BY day, agent, pbx, outcome
    UNION ALL
    SELECT pbx, agent, substr(started_at, 1, 10) AS day, 'state', state, 0,
        SUM(CASE WHEN CASE WHEN substr(started_at, 1, 10) <> substr(ended_at, 1, 10) THEN 1 ELSE 0 END = 1 THEN 86400 - (substr(started_at, 12, 2) * 3600 + substr(started_at, 15, 2) * 60 + substr(started_at, 18)) ELSE seconds END), 0.0
    FROM agent_intervals GROUP BY day, agent, pbx, state
    UNION ALL
    SELECT pbx, agent, substr(ended_at, 1, 10), 'state', state, 0, (substr(ended_at, 12, 2) * 3600 + substr(ended_at, 15, 2) * 60 + substr(ended_at, 18)), 0.0
    FROM agent_intervals WHERE CASE WHEN substr(started_at, 1, 10) <> substr(ended_at, 1, 10) THEN 1 ELSE 0 END = 1 AND (substr(ended_at, 12, 2) * 3600 + substr(ended_at, 15, 2) * 60 + substr(ended_at, 18)) > 0
    UNION ALL
    SELECT pbx, agent, day, 'state', state, 0, 86400.0, 0.0 FROM whole_days
    UNION ALL
    SELECT pbx, agent, substr(answered_at, 1, 10) AS day,
        CASE WHEN kind = 'csat' THEN 'csat' ELSE 'rating' END AS fact,
        CASE WHEN value >= 4 THEN 'satisfied' ELSE 'not satisfied' END AS word,
        COUNT(*), SUM(value) * 1.0, 0.0
    FROM answers WHERE kind <> 'comment' GROUP BY day, agent, pbx, fact, word
) AS facts
WHERE agent <> '' GROUP BY day, agent, pbx;

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
