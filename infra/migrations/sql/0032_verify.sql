-- Verification: a task of mode verify compares a live table with its source and changes nothing. Something that is not
-- equal is an event of its own, since tasks that are not live have none.

ALTER TABLE refresh.refresh_task DROP CONSTRAINT refresh_task_mode_check;
ALTER TABLE refresh.refresh_task ADD CONSTRAINT refresh_task_mode_check
    CHECK (mode IN ('live', 'shadow', 'dry_run', 'plan', 'verify'));
COMMENT ON COLUMN refresh.refresh_task.mode IS
    'How far the task goes: plan finds what changed, dry_run reports what a publish would do, live publishes; verify compares.';

CREATE OR REPLACE FUNCTION refresh.mode_allows(table_mode text, run_mode text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE run_mode WHEN 'verify' THEN table_mode = 'live' ELSE
    coalesce(array_position(ARRAY['plan', 'dry_run', 'shadow', 'live'], run_mode)
        <= array_position(ARRAY['plan', 'dry_run', 'shadow', 'live'], table_mode), false) END;

CREATE INDEX refresh_task_verified ON refresh.refresh_task (table_schema, table_name, finished_at DESC)
WHERE mode = 'verify' AND status IN ('success', 'warning');

CREATE FUNCTION refresh.announce_not_equal() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO refresh.refresh_outbox (topic, payload) VALUES
        ('refresh-events', jsonb_build_object(
            'id', gen_random_uuid(), 'type', 'refresh.warning',
            'occurred_at', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'run_id', NEW.run_id, 'table', NEW.table_schema || '.' || NEW.table_name,
            'data', jsonb_build_object('outcome', NEW.status, 'reason', NEW.reason, 'error', NEW.error)));
    RETURN NULL;
END $$;
CREATE TRIGGER announce_not_equal AFTER UPDATE ON refresh.refresh_task
FOR EACH ROW WHEN (NEW.mode = 'verify' AND NEW.status = 'warning' AND OLD.status = 'running')
EXECUTE FUNCTION refresh.announce_not_equal();

CREATE INDEX refresh_data_quality_of_metric ON refresh.refresh_data_quality (metric, check_id DESC);
