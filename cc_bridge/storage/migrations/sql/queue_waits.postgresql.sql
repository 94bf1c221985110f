CREATE TABLE queue_waits (
	day DATE NOT NULL,
	pbx VARCHAR(64) NOT NULL,
	queue VARCHAR(128) NOT NULL,
	outcome VARCHAR(64) NOT NULL,
	partial BOOLEAN NOT NULL,
	second INTEGER NOT NULL,
	n BIGINT NOT NULL,
	below BIGINT NOT NULL,
	ringing BIGINT NOT NULL,
	wait_seconds DOUBLE PRECISION NOT NULL,
	squares DOUBLE PRECISION NOT NULL,
	longest DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (day, pbx, queue, outcome, partial, second)
);

COMMENT ON TABLE queue_waits IS 'Visits of each queue by day, outcome and wait time, for reports';

COMMENT ON COLUMN queue_waits.day IS 'Past day, from midnight to midnight UTC';

COMMENT ON COLUMN queue_waits.pbx IS 'Name of the PBX in the configuration';

COMMENT ON COLUMN queue_waits.queue IS 'Queue';

COMMENT ON COLUMN queue_waits.outcome IS 'Outcome of the visits';

COMMENT ON COLUMN queue_waits.partial IS 'True: visits whose wait time is not exact';

COMMENT ON COLUMN queue_waits.second IS 'Wait time, rounded up, seconds';

COMMENT ON COLUMN queue_waits.n IS 'Number of visits';

COMMENT ON COLUMN queue_waits.below IS 'Visits with a wait shorter than second';

COMMENT ON COLUMN queue_waits.ringing IS 'Visits with an agent''s phone ringing at the end';

COMMENT ON COLUMN queue_waits.wait_seconds IS 'Sum of the wait times, seconds';

COMMENT ON COLUMN queue_waits.squares IS 'Sum of the squares of the wait times';

COMMENT ON COLUMN queue_waits.longest IS 'Longest wait time, seconds';

CREATE FUNCTION cc_bridge_invalidate_rollup_queue_visits() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    its_day date := CAST(LEAST(OLD.entered_at, NEW.entered_at) AT TIME ZONE INTERVAL '0' AS DATE);
BEGIN
    IF OLD IS DISTINCT FROM NEW THEN
        PERFORM pg_advisory_xact_lock_shared(109278454310260);
        UPDATE rollup_watermark SET refreshed_until = its_day WHERE refreshed_until > its_day;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER cc_bridge_invalidate_rollup AFTER INSERT OR UPDATE ON queue_visits FOR EACH ROW
WHEN (NEW.entered_at < now() - INTERVAL '1 hour' AND TRUE)
EXECUTE FUNCTION cc_bridge_invalidate_rollup_queue_visits();

INSERT INTO queue_waits
(day, pbx, queue, outcome, partial, second, n, below, ringing, wait_seconds, squares, longest)
SELECT CAST(entered_at AT TIME ZONE INTERVAL '0' AS DATE) AS day, pbx, queue, outcome, partial,
    CEIL(wait_seconds) AS up, COUNT(*), COUNT(*) FILTER (WHERE wait_seconds < CEIL(wait_seconds)),
    COUNT(*) FILTER (WHERE ringing), SUM(wait_seconds), SUM(wait_seconds * wait_seconds), MAX(wait_seconds)
FROM queue_visits
WHERE CAST(entered_at AT TIME ZONE INTERVAL '0' AS DATE) < (SELECT MIN(refreshed_until) FROM rollup_watermark)
GROUP BY 1, 2, 3, 4, 5, 6;
