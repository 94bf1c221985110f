CREATE FUNCTION cc_bridge_invalidate_rollup_agent_intervals() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    its_day date := CAST(LEAST(OLD.started_at, NEW.started_at) AT TIME ZONE INTERVAL '0' AS DATE);
BEGIN
    IF OLD IS DISTINCT FROM NEW THEN
        PERFORM pg_advisory_xact_lock_shared(109278454310260);
        UPDATE rollup_watermark SET refreshed_until = its_day WHERE refreshed_until > its_day;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER cc_bridge_invalidate_rollup AFTER INSERT OR UPDATE ON agent_intervals FOR EACH ROW
WHEN (NEW.started_at < now() - INTERVAL '1 hour' AND TRUE) EXECUTE FUNCTION cc_bridge_invalidate_rollup_agent_intervals();

CREATE FUNCTION cc_bridge_invalidate_rollup_answers() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    its_day date := CAST(LEAST(OLD.answered_at, NEW.answered_at) AT TIME ZONE INTERVAL '0' AS DATE);
BEGIN
    IF OLD IS DISTINCT FROM NEW THEN
        PERFORM pg_advisory_xact_lock_shared(109278454310260);
        UPDATE rollup_watermark SET refreshed_until = its_day WHERE refreshed_until > its_day;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER cc_bridge_invalidate_rollup AFTER INSERT OR UPDATE ON answers FOR EACH ROW
WHEN (NEW.answered_at < now() - INTERVAL '1 hour' AND NEW.kind = 'csat') EXECUTE FUNCTION cc_bridge_invalidate_rollup_answers();

CREATE FUNCTION cc_bridge_invalidate_rollup_calls() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    its_day date := CAST(LEAST(OLD.started_at, NEW.started_at) AT TIME ZONE INTERVAL '0' AS DATE);
BEGIN
    IF OLD IS DISTINCT FROM NEW THEN
        PERFORM pg_advisory_xact_lock_shared(109278454310260);
        UPDATE rollup_watermark SET refreshed_until = its_day WHERE refreshed_until > its_day;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER cc_bridge_invalidate_rollup AFTER INSERT OR UPDATE ON calls FOR EACH ROW
WHEN (NEW.started_at < now() - INTERVAL '1 hour' AND TRUE) EXECUTE FUNCTION cc_bridge_invalidate_rollup_calls();

CREATE FUNCTION cc_bridge_invalidate_rollup_rings() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    its_day date := CAST(LEAST(OLD.started_at, NEW.started_at) AT TIME ZONE INTERVAL '0' AS DATE);
BEGIN
    IF OLD IS DISTINCT FROM NEW THEN
        PERFORM pg_advisory_xact_lock_shared(109278454310260);
        UPDATE rollup_watermark SET refreshed_until = its_day WHERE refreshed_until > its_day;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER cc_bridge_invalidate_rollup AFTER INSERT OR UPDATE ON rings FOR EACH ROW
WHEN (NEW.started_at < now() - INTERVAL '1 hour' AND TRUE) EXECUTE FUNCTION cc_bridge_invalidate_rollup_rings();

CREATE FUNCTION cc_bridge_invalidate_rollup_survey_attempts() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    its_day date := CAST(LEAST(OLD.started_at, NEW.started_at) AT TIME ZONE INTERVAL '0' AS DATE);
BEGIN
    IF OLD IS DISTINCT FROM NEW THEN
        PERFORM pg_advisory_xact_lock_shared(109278454310260);
        UPDATE rollup_watermark SET refreshed_until = its_day WHERE refreshed_until > its_day;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER cc_bridge_invalidate_rollup AFTER INSERT OR UPDATE ON survey_attempts FOR EACH ROW
WHEN (NEW.started_at < now() - INTERVAL '1 hour' AND TRUE) EXECUTE FUNCTION cc_bridge_invalidate_rollup_survey_attempts();

CREATE FUNCTION cc_bridge_invalidate_rollup_talks() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    its_day date := CAST(LEAST(OLD.answered_at, NEW.answered_at) AT TIME ZONE INTERVAL '0' AS DATE);
BEGIN
    IF OLD IS DISTINCT FROM NEW THEN
        PERFORM pg_advisory_xact_lock_shared(109278454310260);
        UPDATE rollup_watermark SET refreshed_until = its_day WHERE refreshed_until > its_day;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER cc_bridge_invalidate_rollup AFTER INSERT OR UPDATE ON talks FOR EACH ROW
WHEN (NEW.answered_at < now() - INTERVAL '1 hour' AND TRUE) EXECUTE FUNCTION cc_bridge_invalidate_rollup_talks();
