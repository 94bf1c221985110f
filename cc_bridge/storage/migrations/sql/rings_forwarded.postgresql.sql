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
    SUM(CASE WHEN fact = 'csat' THEN amount END) / SUM(CASE WHEN fact = 'csat' THEN n END) AS csat_mean,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'forwarded' THEN n ELSE 0 END) AS BIGINT) AS rings_forwarded
FROM (
    SELECT pbx, agent, day, fact, word, n, amount, hold_seconds
    FROM agent_facts WHERE day < (SELECT refreshed_until FROM rollup_watermark)
    UNION ALL
    SELECT * FROM (
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
    ) AS live WHERE day >= (SELECT refreshed_until FROM rollup_watermark)
    UNION ALL
    SELECT pbx, agent, CAST(answered_at AT TIME ZONE INTERVAL '0' AS DATE) AS day,
        CASE WHEN kind = 'csat' THEN 'csat' ELSE 'rating' END AS fact,
        CASE WHEN value >= 4 THEN 'satisfied' ELSE 'not satisfied' END AS word,
        COUNT(*), SUM(value) * 1.0, 0.0
    FROM answers WHERE kind <> 'comment' GROUP BY day, agent, pbx, fact, word
) AS facts
WHERE agent <> '' GROUP BY day, agent, pbx;

COMMENT ON COLUMN v_agent_day.rings_forwarded IS 'Ring attempts with the outcome forwarded';
