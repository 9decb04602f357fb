-- Traces follow a run through its messages: a message that is owed carries the span of the transaction that owes it, or
-- else (a sweep owes it, or somebody by hand) the span in which its run was made. Transactions of functions that trace set
-- refresh.traceparent; where nobody does, messages carry none.

ALTER TABLE refresh.refresh_run
ADD COLUMN traceparent text DEFAULT NULLIF(pg_catalog.current_setting('refresh.traceparent', true), '');
COMMENT ON COLUMN refresh.refresh_run.traceparent IS 'W3C Trace Context of the span in which the run was made; NULL: none was open.';

CREATE FUNCTION refresh.carry_trace() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent text := NULLIF(current_setting('refresh.traceparent', true), '');
    run text := NEW.payload ->> 'run_id';
BEGIN
    IF parent IS NULL AND run ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        SELECT r.traceparent INTO parent FROM refresh.refresh_run r WHERE r.run_id = run::uuid;
    END IF;
    IF parent IS NOT NULL THEN
        NEW.attributes := NEW.attributes || jsonb_build_object('traceparent', parent);
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION refresh.carry_trace() IS 'Puts the trace into the attributes of a message that is owed.';

CREATE TRIGGER carry_trace BEFORE INSERT ON refresh.refresh_outbox
FOR EACH ROW WHEN (NOT NEW.attributes ? 'traceparent') EXECUTE FUNCTION refresh.carry_trace();
