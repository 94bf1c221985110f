CREATE VIEW v_calls_by_hour AS
SELECT
    pbx AS pbx,
    queue AS queue,
    hour AS hour,
    CAST(SUM(CASE WHEN fact = 'visit' THEN n ELSE 0 END) AS SIGNED) AS visits,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome IN ('answered', 'abandoned', 'timed_out', 'left_by_key') THEN n ELSE 0 END) AS SIGNED) AS offered,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN n ELSE 0 END) AS SIGNED) AS answered,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'abandoned' THEN n ELSE 0 END) AS SIGNED) AS abandoned,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome IN ('timed_out', 'left_by_key', 'queue_full', 'join_empty', 'leave_empty', 'join_unavailable', 'leave_unavailable') THEN n ELSE 0 END) AS SIGNED) AS other_lost,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'transferred_away' THEN n ELSE 0 END) AS SIGNED) AS transferred_away,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'unobserved' THEN n ELSE 0 END) AS SIGNED) AS unobserved,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN in_10 ELSE 0 END) AS SIGNED) AS answered_in_10,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN in_20 ELSE 0 END) AS SIGNED) AS answered_in_20,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN in_30 ELSE 0 END) AS SIGNED) AS answered_in_30,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN in_60 ELSE 0 END) AS SIGNED) AS answered_in_60,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'abandoned' THEN under_5 ELSE 0 END) AS SIGNED) AS abandoned_under_5,
    SUM(CASE WHEN fact = 'visit' THEN seconds ELSE 0 END) AS wait_seconds,
    SUM(CASE WHEN fact = 'visit' THEN seconds END) / SUM(CASE WHEN fact = 'visit' THEN n END) AS mean_wait_seconds,
    SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN seconds END) / SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN n END) AS mean_answer_seconds,
    MAX(CASE WHEN fact = 'visit' THEN longest END) AS longest_wait_seconds,
    CAST(SUM(CASE WHEN fact IN ('talk', 'partial') THEN n ELSE 0 END) AS SIGNED) AS talks,
    CAST(SUM(CASE WHEN fact = 'partial' THEN n ELSE 0 END) AS SIGNED) AS partial_talks,
    SUM(CASE WHEN fact = 'talk' THEN seconds ELSE 0 END) AS talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN seconds END) / SUM(CASE WHEN fact = 'talk' THEN n END) AS mean_talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN hold_seconds ELSE 0 END) AS hold_seconds,
    CAST(SUM(CASE WHEN fact = 'partial visit' THEN n ELSE 0 END) AS SIGNED) AS partial_visits
FROM (
    SELECT pbx, queue, TIMESTAMPADD(HOUR, HOUR(entered_at), DATE(entered_at)) AS hour,
        CASE WHEN partial THEN 'partial visit' ELSE 'visit' END AS fact, outcome, COUNT(*) AS n,
        SUM(wait_seconds) AS seconds, 0.0 AS hold_seconds, MAX(wait_seconds) AS longest,
        COUNT(CASE WHEN wait_seconds <= 10 THEN 1 END) AS in_10, COUNT(CASE WHEN wait_seconds <= 20 THEN 1 END) AS in_20, COUNT(CASE WHEN wait_seconds <= 30 THEN 1 END) AS in_30, COUNT(CASE WHEN wait_seconds <= 60 THEN 1 END) AS in_60,
        COUNT(CASE WHEN wait_seconds < 5 THEN 1 END) AS under_5
    FROM queue_visits GROUP BY hour, queue, pbx, fact, outcome
    UNION ALL
    SELECT pbx, queue, TIMESTAMPADD(HOUR, HOUR(answered_at), DATE(answered_at)) AS hour,
        CASE WHEN partial THEN 'partial' ELSE 'talk' END AS fact, '', COUNT(*),
        SUM(talk_seconds), SUM(hold_seconds), NULL, 0, 0, 0, 0, 0
    FROM talks WHERE queue <> '' GROUP BY hour, queue, pbx, fact
) AS facts
GROUP BY hour, queue, pbx;
