CREATE VIEW v_calls_by_hour AS
SELECT
    pbx AS pbx,
    queue AS queue,
    hour AS hour,
    CAST(SUM(CASE WHEN fact = 'visit' THEN n ELSE 0 END) AS BIGINT) AS visits,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome IN ('answered', 'abandoned', 'timed_out', 'left_by_key') THEN n ELSE 0 END) AS BIGINT) AS offered,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN n ELSE 0 END) AS BIGINT) AS answered,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'abandoned' THEN n ELSE 0 END) AS BIGINT) AS abandoned,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome IN ('timed_out', 'left_by_key', 'queue_full', 'join_empty', 'leave_empty', 'join_unavailable', 'leave_unavailable') THEN n ELSE 0 END) AS BIGINT) AS other_lost,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'transferred_away' THEN n ELSE 0 END) AS BIGINT) AS transferred_away,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'unobserved' THEN n ELSE 0 END) AS BIGINT) AS unobserved,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN in_10 ELSE 0 END) AS BIGINT) AS answered_in_10,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN in_20 ELSE 0 END) AS BIGINT) AS answered_in_20,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN in_30 ELSE 0 END) AS BIGINT) AS answered_in_30,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN in_60 ELSE 0 END) AS BIGINT) AS answered_in_60,
    CAST(SUM(CASE WHEN fact = 'visit' AND outcome = 'abandoned' THEN under_5 ELSE 0 END) AS BIGINT) AS abandoned_under_5,
    SUM(CASE WHEN fact = 'visit' THEN seconds ELSE 0 END) AS wait_seconds,
    SUM(CASE WHEN fact = 'visit' THEN seconds END) / SUM(CASE WHEN fact = 'visit' THEN n END) AS mean_wait_seconds,
    SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN seconds END) / SUM(CASE WHEN fact = 'visit' AND outcome = 'answered' THEN n END) AS mean_answer_seconds,
    MAX(CASE WHEN fact = 'visit' THEN longest END) AS longest_wait_seconds,
    CAST(SUM(CASE WHEN fact IN ('talk', 'partial') THEN n ELSE 0 END) AS BIGINT) AS talks,
    CAST(SUM(CASE WHEN fact = 'partial' THEN n ELSE 0 END) AS BIGINT) AS partial_talks,
    SUM(CASE WHEN fact = 'talk' THEN seconds ELSE 0 END) AS talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN seconds END) / SUM(CASE WHEN fact = 'talk' THEN n END) AS mean_talk_seconds,
    SUM(CASE WHEN fact = 'talk' THEN hold_seconds ELSE 0 END) AS hold_seconds,
    CAST(SUM(CASE WHEN fact = 'partial visit' THEN n ELSE 0 END) AS BIGINT) AS partial_visits
FROM (
    SELECT pbx, queue, date_trunc('hour', entered_at AT TIME ZONE INTERVAL '0') AT TIME ZONE INTERVAL '0' AS hour,
        CASE WHEN partial THEN 'partial visit' ELSE 'visit' END AS fact, outcome, COUNT(*) AS n,
        SUM(wait_seconds) AS seconds, 0.0 AS hold_seconds, MAX(wait_seconds) AS longest,
        COUNT(CASE WHEN wait_seconds <= 10 THEN 1 END) AS in_10, COUNT(CASE WHEN wait_seconds <= 20 THEN 1 END) AS in_20, COUNT(CASE WHEN wait_seconds <= 30 THEN 1 END) AS in_30, COUNT(CASE WHEN wait_seconds <= 60 THEN 1 END) AS in_60,
        COUNT(CASE WHEN wait_seconds < 5 THEN 1 END) AS under_5
    FROM queue_visits GROUP BY hour, queue, pbx, fact, outcome
    UNION ALL
    SELECT pbx, queue, date_trunc('hour', answered_at AT TIME ZONE INTERVAL '0') AT TIME ZONE INTERVAL '0' AS hour,
        CASE WHEN partial THEN 'partial' ELSE 'talk' END AS fact, '', COUNT(*),
        SUM(talk_seconds), SUM(hold_seconds), NULL, 0, 0, 0, 0, 0
    FROM talks WHERE queue <> '' GROUP BY hour, queue, pbx, fact
) AS facts
GROUP BY hour, queue, pbx;

COMMENT ON VIEW v_calls_by_hour IS 'Visits and talks of each queue by hour; each counts in the hour of its start';

COMMENT ON COLUMN v_calls_by_hour.pbx IS 'Name of the PBX in the configuration';

COMMENT ON COLUMN v_calls_by_hour.queue IS 'Queue';

COMMENT ON COLUMN v_calls_by_hour.hour IS 'Start of the hour, UTC';

COMMENT ON COLUMN v_calls_by_hour.visits IS 'Visits that started in the hour; the sum of all outcomes; partial visits are not counted';

COMMENT ON COLUMN v_calls_by_hour.offered IS 'Visits with the outcome answered, abandoned, timed_out or left_by_key';

COMMENT ON COLUMN v_calls_by_hour.answered IS 'Visits that an agent answered';

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

COMMENT ON COLUMN v_calls_by_hour.partial_visits IS 'Visits that started in the hour, during whose wait the PBX''s clock was set; in no other column';
