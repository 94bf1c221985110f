CREATE VIEW v_agent_day AS
WITH RECURSIVE whole_days (pbx, agent, state, day, last_day) AS (
    SELECT pbx, agent, state, (DATE(started_at) + INTERVAL 1 DAY), DATE(ended_at) FROM agent_intervals
    WHERE CASE WHEN DATE(started_at) <> DATE(ended_at) THEN 1 ELSE 0 END = 1 AND CASE WHEN (DATE(started_at) + INTERVAL 1 DAY) < DATE(ended_at) THEN 1 ELSE 0 END = 1
    UNION ALL
    SELECT pbx, agent, state, (day + INTERVAL 1 DAY), last_day FROM whole_days WHERE (day + INTERVAL 1 DAY) < last_day
)
SELECT
    pbx AS pbx,
    agent AS agent,
    day AS day,
    CAST(SUM(CASE WHEN fact IN ('talk', 'partial') THEN n ELSE 0 END) AS SIGNED) AS talks,
    CAST(SUM(CASE WHEN fact IN ('talk', 'partial') AND word = 'direct' THEN n ELSE 0 END) AS SIGNED) AS direct_talks,
    CAST(SUM(CASE WHEN fact = 'partial' THEN n ELSE 0 END) AS SIGNED) AS partial_talks,
    SUM(CASE WHEN fact = 'talk' THEN amount ELSE 0 END) AS talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN hold_seconds ELSE 0 END) AS hold_seconds,
    CAST(SUM(CASE WHEN fact = 'ring' THEN n ELSE 0 END) AS SIGNED) AS rings,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'answered' THEN n ELSE 0 END) AS SIGNED) AS rings_answered,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'no_answer' THEN n ELSE 0 END) AS SIGNED) AS rings_no_answer,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'busy' THEN n ELSE 0 END) AS SIGNED) AS rings_busy,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'congestion' THEN n ELSE 0 END) AS SIGNED) AS rings_congestion,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'declined' THEN n ELSE 0 END) AS SIGNED) AS rings_declined,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'answered_elsewhere' THEN n ELSE 0 END) AS SIGNED) AS rings_answered_elsewhere,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'caller_gone' THEN n ELSE 0 END) AS SIGNED) AS rings_caller_gone,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'unobserved' THEN n ELSE 0 END) AS SIGNED) AS rings_unobserved,
    SUM(CASE WHEN fact = 'state' AND word = 'logged_out' THEN amount ELSE 0 END) AS logged_out_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'available' THEN amount ELSE 0 END) AS available_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'ringing' THEN amount ELSE 0 END) AS ringing_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'talking' THEN amount ELSE 0 END) AS talking_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'wrap_up' THEN amount ELSE 0 END) AS wrap_up_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'paused' THEN amount ELSE 0 END) AS paused_seconds,
    SUM(CASE WHEN fact = 'state' AND word = 'unreachable' THEN amount ELSE 0 END) AS unreachable_seconds,
    CAST(SUM(CASE WHEN fact IN ('rating', 'csat') THEN n ELSE 0 END) AS SIGNED) AS ratings,
    CAST(SUM(CASE WHEN fact = 'csat' THEN n ELSE 0 END) AS SIGNED) AS csat_ratings,
    CAST(SUM(CASE WHEN fact = 'csat' AND word = 'satisfied' THEN n ELSE 0 END) AS SIGNED) AS csat_satisfied,
    SUM(CASE WHEN fact = 'csat' THEN amount END) / SUM(CASE WHEN fact = 'csat' THEN n END) AS csat_mean,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'forwarded' THEN n ELSE 0 END) AS SIGNED) AS rings_forwarded
FROM (
    SELECT pbx, agent, DATE(answered_at) AS day, CASE WHEN partial THEN 'partial' ELSE 'talk' END AS fact,
        CASE WHEN queue = '' THEN 'direct' ELSE 'queue' END AS word, COUNT(*) AS n,
        SUM(talk_seconds) AS amount, SUM(hold_seconds) AS hold_seconds
    FROM talks GROUP BY day, agent, pbx, fact, word
    UNION ALL
    SELECT pbx, agent, DATE(started_at) AS day, 'ring', outcome, COUNT(*), 0.0, 0.0
    FROM rings GROUP BY day, agent, pbx, outcome
    UNION ALL
    SELECT pbx, agent, DATE(started_at) AS day, 'state', state, 0,
        SUM(CASE WHEN CASE WHEN DATE(started_at) <> DATE(ended_at) THEN 1 ELSE 0 END = 1 THEN 86400 - CAST(TIME_TO_SEC(TIME(started_at)) AS DOUBLE) ELSE seconds END), 0.0
    FROM agent_intervals GROUP BY day, agent, pbx, state
    UNION ALL
    SELECT pbx, agent, DATE(ended_at), 'state', state, 0, CAST(TIME_TO_SEC(TIME(ended_at)) AS DOUBLE), 0.0
    FROM agent_intervals WHERE CASE WHEN DATE(started_at) <> DATE(ended_at) THEN 1 ELSE 0 END = 1 AND CAST(TIME_TO_SEC(TIME(ended_at)) AS DOUBLE) > 0
    UNION ALL
    SELECT pbx, agent, day, 'state', state, 0, 86400.0, 0.0 FROM whole_days
    UNION ALL
    SELECT pbx, agent, DATE(answered_at) AS day,
        CASE WHEN kind = 'csat' THEN 'csat' ELSE 'rating' END AS fact,
        CASE WHEN value >= 4 THEN 'satisfied' ELSE 'not satisfied' END AS word,
        COUNT(*), SUM(value) * 1.0, 0.0
    FROM answers WHERE kind <> 'comment' GROUP BY day, agent, pbx, fact, word
) AS facts
WHERE agent <> '' GROUP BY day, agent, pbx;
