-- What may become what, and what every move leaves behind. The database writes the audit, the event and the message to
-- the orchestrator itself, so none of them can be missing or stand alone, whichever worker made the move.

CREATE FUNCTION refresh.is_terminal(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN status IN ('success', 'no_new_data', 'warning', 'held', 'failed', 'skipped');

CREATE FUNCTION refresh.guard_task_move() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
BEGIN
    IF refresh.is_terminal(OLD.status) THEN
        RAISE EXCEPTION 'task %.% of run % has ended as %; an ended task never changes',
            OLD.table_schema, OLD.table_name, OLD.run_id, OLD.status USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('queued', 'running'), ('queued', 'skipped'), ('queued', 'failed'), ('running', 'queued'), ('running', 'success'),
        ('running', 'no_new_data'), ('running', 'warning'), ('running', 'held'), ('running', 'failed'), ('running', 'skipped')
    ) THEN
        RAISE EXCEPTION 'a task cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.epoch < OLD.epoch THEN
        RAISE EXCEPTION 'the epoch of a task never falls (% to %)', OLD.epoch, NEW.epoch USING ERRCODE = 'check_violation';
    END IF;
    IF refresh.is_terminal(NEW.status) THEN
        NEW.lease_until := NULL;
        NEW.finished_at := clock_timestamp();
    ELSIF NEW.status = 'queued' THEN
        NEW.lease_until := NULL;
    ELSIF OLD.started_at IS NULL THEN
        NEW.started_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_task_move BEFORE UPDATE ON refresh.refresh_task
FOR EACH ROW EXECUTE FUNCTION refresh.guard_task_move();

CREATE FUNCTION refresh.audit_task_move() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
DECLARE
    what text;
BEGIN
    what := CASE
        WHEN TG_OP = 'INSERT' THEN 'task_queued'
        WHEN NEW.status <> OLD.status AND NEW.status <> 'running' THEN 'task_' || NEW.status
        WHEN NEW.phase <> OLD.phase THEN 'task_' || NEW.phase
        WHEN NEW.epoch <> OLD.epoch THEN 'task_claimed'
        WHEN NEW.status <> OLD.status THEN 'task_running'
    END;
    IF what IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, status, duration_ms, rows_read,
        rows_staged, rows_inserted, rows_updated, rows_deleted, rows_unchanged, rows_quarantined, rows_superseded,
        rows_merged, bytes_billed, bigquery_job_id, error, details)
    VALUES (NEW.run_id, NEW.table_schema, NEW.table_name, what, NEW.status,
        (extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000)::bigint, NEW.rows_read,
        NEW.rows_staged, NEW.rows_inserted, NEW.rows_updated, NEW.rows_deleted, NEW.rows_unchanged, NEW.rows_quarantined,
        NEW.rows_superseded, NEW.rows_merged, NEW.bytes_billed, NEW.bigquery_job_id, NEW.error,
        NEW.details || jsonb_strip_nulls(jsonb_build_object('phase', NEW.phase, 'epoch', NEW.epoch, 'reason', NEW.reason)));
    RETURN NULL;
END $$;
CREATE TRIGGER audit_task_move AFTER INSERT OR UPDATE ON refresh.refresh_task
FOR EACH ROW EXECUTE FUNCTION refresh.audit_task_move();

CREATE FUNCTION refresh.announce_task_end() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
DECLARE
    before text;
    kind text;
BEGIN
    SELECT t.status INTO before FROM refresh.refresh_task t
    WHERE t.table_schema = NEW.table_schema AND t.table_name = NEW.table_name AND t.run_id <> NEW.run_id
        AND t.status IN ('success', 'no_new_data', 'warning', 'held', 'failed')
    ORDER BY t.finished_at DESC LIMIT 1;
    kind := CASE NEW.status
        WHEN 'failed' THEN 'refresh.failed'
        WHEN 'held' THEN 'refresh.held'
        WHEN 'warning' THEN 'refresh.warning'
        WHEN 'skipped' THEN 'refresh.warning'
        ELSE CASE WHEN before IN ('failed', 'held') THEN 'refresh.recovered' ELSE 'refresh.completed' END
    END;
    INSERT INTO refresh.refresh_outbox (topic, payload) VALUES
        ('refresh-events', jsonb_build_object(
            'id', gen_random_uuid(), 'type', kind,
            'occurred_at', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'run_id', NEW.run_id, 'table', NEW.table_schema || '.' || NEW.table_name,
            'data', jsonb_build_object('outcome', NEW.status, 'reason', NEW.reason, 'error', NEW.error,
                'rows_read', NEW.rows_read, 'rows_inserted', NEW.rows_inserted, 'rows_updated', NEW.rows_updated,
                'rows_deleted', NEW.rows_deleted, 'rows_quarantined', NEW.rows_quarantined,
                'duration_ms', (extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000)::bigint))),
        ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'table_finished', 'run_id', NEW.run_id,
            'table', NEW.table_schema || '.' || NEW.table_name));
    RETURN NULL;
END $$;
CREATE TRIGGER announce_task_end AFTER UPDATE ON refresh.refresh_task
FOR EACH ROW WHEN (refresh.is_terminal(NEW.status)) EXECUTE FUNCTION refresh.announce_task_end();

CREATE FUNCTION refresh.audit_slice_move() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
DECLARE
    what text;
BEGIN
    what := CASE
        WHEN NEW.status <> OLD.status THEN 'slice_' || NEW.status
        WHEN NEW.epoch <> OLD.epoch THEN 'slice_claimed'
        WHEN NEW.generation <> OLD.generation THEN 'slice_regenerated'
    END;
    IF what IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, slice_no, event, status, duration_ms, rows_read,
        rows_staged, rows_quarantined, rows_superseded, rows_merged, bytes_billed, bigquery_job_id, details)
    VALUES (NEW.run_id, NEW.table_schema, NEW.table_name, NEW.slice_no, what, NEW.status,
        (extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000)::bigint, NEW.rows_read,
        NEW.rows_staged, NEW.rows_quarantined, NEW.rows_superseded, NEW.rows_merged, NEW.bytes_billed, NEW.job_id,
        jsonb_build_object('epoch', NEW.epoch, 'generation', NEW.generation));
    RETURN NULL;
END $$;
CREATE TRIGGER audit_slice_move AFTER UPDATE ON refresh.refresh_checkpoint
FOR EACH ROW EXECUTE FUNCTION refresh.audit_slice_move();

CREATE FUNCTION refresh.audit_run_move() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO refresh.refresh_audit_log (run_id, event, status, duration_ms, details)
    SELECT NEW.run_id, what, NEW.status,
        (extract(epoch FROM NEW.finished_at - NEW.created_at) * 1000)::bigint,
        jsonb_strip_nulls(jsonb_build_object('trigger', NEW.trigger, 'requested_by', NEW.requested_by, 'snapshot_at', NEW.snapshot_at))
    FROM (SELECT CASE
        WHEN TG_OP = 'INSERT' THEN 'run_created'
        WHEN NEW.status <> OLD.status THEN 'run_' || NEW.status
        WHEN OLD.planned_at IS NULL AND NEW.planned_at IS NOT NULL THEN 'run_planned'
    END AS what) moved
    WHERE what IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_run_move AFTER INSERT OR UPDATE ON refresh.refresh_run
FOR EACH ROW EXECUTE FUNCTION refresh.audit_run_move();

CREATE FUNCTION refresh.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE ON refresh.refresh_audit_log
FOR EACH ROW EXECUTE FUNCTION refresh.refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.refresh_audit_log
FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change();

-- A manual run is asked for in one call; the orchestrator plans it when the message arrives.
CREATE FUNCTION refresh.request_run(
    tables text[] DEFAULT NULL, force boolean DEFAULT false, requested_by text DEFAULT current_user,
    idempotency_key text DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
DECLARE
    the_run uuid := gen_random_uuid();
    missing text;
BEGIN
    SELECT string_agg(wanted, ', ') INTO missing FROM unnest(tables) AS wanted
    WHERE NOT EXISTS (SELECT FROM refresh.refresh_table_registry r WHERE r.table_schema || '.' || r.table_name = wanted);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'not registered: %', missing
            USING ERRCODE = 'undefined_table', HINT = 'Register the table first, or name it as schema.table.';
    END IF;
    INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, request, idempotency_key)
    VALUES (the_run, 'manual', requested_by,
        jsonb_strip_nulls(jsonb_build_object('tables', to_jsonb(tables), 'force', force)),
        coalesce(idempotency_key, 'manual:' || the_run));
    INSERT INTO refresh.refresh_outbox (topic, payload)
    VALUES ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', the_run));
    RETURN the_run;
END $$;
COMMENT ON FUNCTION refresh.request_run IS 'Asks for a manual run of the named tables (schema.table), or of all that are enabled. Returns the run id.';
