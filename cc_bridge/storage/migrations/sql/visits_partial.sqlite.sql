CREATE VIEW v_calls_by_hour AS
SELECT
    pbx AS pbx,
    queue AS queue,
    hour AS hour,
    CAST(SUM(CASE WHEN outcome <> '' THEN n ELSE 0 END) AS INTEGER) AS visits,
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
    SUM(CASE WHEN outcome = 'answered' AND fact = 'visit' THEN seconds END) / SUM(CASE WHEN outcome = 'answered' AND fact = 'visit' THEN n END) AS mean_answer_seconds,
    MAX(CASE WHEN fact = 'visit' THEN longest END) AS longest_wait_seconds,
    CAST(SUM(CASE WHEN fact IN ('talk', 'partial') THEN n ELSE 0 END) AS INTEGER) AS talks,
    CAST(SUM(CASE WHEN fact = 'partial' THEN n ELSE 0 END) AS INTEGER) AS partial_talks,
    SUM(CASE WHEN fact = 'talk' THEN seconds ELSE 0 END) AS talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN seconds END) / SUM(CASE WHEN fact = 'talk' THEN n END) AS mean_talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN hold_seconds ELSE 0 END) AS hold_seconds
FROM (
    SELECT pbx, queue, substr(entered_at, 1, 13) || ':00:00.000000' AS hour,
        CASE WHEN partial THEN 'partial visit' ELSE 'visit' END AS fact, outcome, COUNT(*) AS n,
        SUM(wait_seconds) AS seconds, 0.0 AS hold_seconds, MAX(wait_seconds) AS longest,
        COUNT(CASE WHEN wait_seconds <= 10 THEN 1 END) AS in_10, COUNT(CASE WHEN wait_seconds <= 20 THEN 1 END) AS in_20, COUNT(CASE WHEN wait_seconds <= 30 THEN 1 END) AS in_30, COUNT(CASE WHEN wait_seconds <= 60 THEN 1 END) AS in_60,
        COUNT(CASE WHEN wait_seconds < 5 THEN 1 END) AS under_5
    FROM queue_visits GROUP BY hour, queue, pbx, fact, outcome
    UNION ALL
    SELECT pbx, queue, substr(answered_at, 1, 13) || ':00:00.000000' AS hour,
        CASE WHEN partial THEN 'partial' ELSE 'talk' END AS fact, '', COUNT(*),
        SUM(talk_seconds), SUM(hold_seconds), NULL, 0, 0, 0, 0, 0
    FROM talks WHERE queue <> '' GROUP BY hour, queue, pbx, fact
) AS facts
GROUP BY hour, queue, pbx;

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
        SELECT CASE WHEN queue_visits.partial THEN NULL ELSE queue_visits.wait_seconds END FROM queue_visits
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
