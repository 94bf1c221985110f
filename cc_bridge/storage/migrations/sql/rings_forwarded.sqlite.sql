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
    SUM(CASE WHEN fact = 'csat' THEN amount END) / SUM(CASE WHEN fact = 'csat' THEN n END) AS csat_mean,
    CAST(SUM(CASE WHEN fact = 'ring' AND word = 'forwarded' THEN n ELSE 0 END) AS INTEGER) AS rings_forwarded
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
