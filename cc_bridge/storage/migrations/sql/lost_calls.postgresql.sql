CREATE TABLE lost_calls (
	day DATE NOT NULL,
	pbx VARCHAR(64) NOT NULL,
	call_id VARCHAR(150) NOT NULL,
	queue VARCHAR(128) NOT NULL,
	entered_at TIMESTAMP WITH TIME ZONE NOT NULL,
	lost_at TIMESTAMP WITH TIME ZONE NOT NULL,
	answered_at TIMESTAMP WITH TIME ZONE,
	recalled BOOLEAN NOT NULL
);

COMMENT ON TABLE lost_calls IS 'Lost calls of known callers and their results by day, for reports';

COMMENT ON COLUMN lost_calls.day IS 'Past day of the first queue visit, from midnight to midnight UTC';

COMMENT ON COLUMN lost_calls.pbx IS 'Name of the PBX in the configuration';

COMMENT ON COLUMN lost_calls.call_id IS 'Linkedid of the call';

COMMENT ON COLUMN lost_calls.queue IS 'Last queue of the call';

COMMENT ON COLUMN lost_calls.entered_at IS 'Start of the first queue visit';

COMMENT ON COLUMN lost_calls.lost_at IS 'End of the last queue visit';

COMMENT ON COLUMN lost_calls.answered_at IS 'First answer to the caller in the 24 h after lost_at; NULL: none';

COMMENT ON COLUMN lost_calls.recalled IS 'True: that answer was to a call from an agent';

CREATE INDEX ix_lost_calls_day ON lost_calls (day);

INSERT INTO lost_calls (day, pbx, call_id, queue, entered_at, lost_at, answered_at, recalled)
WITH final AS (
    SELECT CAST(MIN(refreshed_until) AS TIMESTAMP) AT TIME ZONE INTERVAL '0' AS until FROM rollup_watermark
),
contacts AS (
    SELECT caller_key, pbx, call_id, 'in' AS direction, queue, entered_at, left_at, outcome
    FROM queue_visits
    WHERE entered_at < (SELECT until FROM final) AND caller_key <> ''
    UNION ALL
    SELECT caller_key, pbx, call_id, direction, talks.queue, answered_at, answered_at, 'answered'
    FROM talks JOIN calls USING (pbx, call_id)
    WHERE answered_at < (SELECT until FROM final)
        AND talks.queue = '' AND caller_key <> '' AND direction IN ('in', 'out')
),
joined AS (
    SELECT lost.caller_key, lost.pbx, lost.call_id, lost.queue, lost.entered_at, lost.left_at, lost.outcome,
        contact.entered_at AS began_at, contact.left_at AS answered_at, direction = 'out' AS is_out,
        (contact.pbx, contact.call_id) = (lost.pbx, lost.call_id) AS is_same,
        contact.outcome = 'answered' AND contact.left_at > lost.left_at
            AND contact.left_at <= lost.left_at + INTERVAL '24 hours' AS is_reached,
        contact.outcome = 'answered'
            OR (contact.entered_at, contact.queue) > (lost.entered_at, lost.queue) AS is_more
    FROM (
        SELECT * FROM queue_visits
        WHERE entered_at < (SELECT until FROM final) AND caller_key <> '' AND outcome IN (
            'abandoned', 'join_empty', 'join_unavailable', 'leave_empty', 'leave_unavailable', 'left_by_key',
            'queue_full', 'timed_out'
        )
    ) AS lost
    JOIN contacts AS contact USING (caller_key)
)
SELECT CAST(MIN(began_at) FILTER (WHERE is_same) AT TIME ZONE INTERVAL '0' AS DATE), pbx, call_id, queue,
    MIN(began_at) FILTER (WHERE is_same), left_at, MIN(answered_at) FILTER (WHERE is_reached),
    COALESCE(
        MIN(answered_at) FILTER (WHERE is_reached AND is_out) = MIN(answered_at) FILTER (WHERE is_reached),
        FALSE
    )
FROM joined WHERE is_same OR is_reached
GROUP BY caller_key, pbx, call_id, queue, entered_at, left_at, outcome
HAVING NOT BOOL_OR(is_same AND is_more)
    AND MIN(began_at) FILTER (WHERE is_same) < (SELECT until FROM final) - INTERVAL '48 hours';
