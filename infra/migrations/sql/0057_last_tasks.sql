-- How each table stands is read from a row for each: looked up among all tasks of a year it was most of the overview's time.
-- Nobody waits here for somebody else who ends a task of the same table: a row is added for each, and those before it are removed
-- unless another transaction is at it. So a table can have some rows for a while; the newest is meant.

CREATE TABLE refresh.refresh_last_task (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    mode text NOT NULL,
    status text NOT NULL,
    reason text,
    error text,
    finished_at timestamptz NOT NULL,
    held_checks jsonb,
    held_scopes bigint NOT NULL,
    PRIMARY KEY (run_id, table_schema, table_name),
    FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task ON DELETE CASCADE
);
CREATE INDEX refresh_last_task_of ON refresh.refresh_last_task (table_schema, table_name, mode, finished_at DESC);
COMMENT ON TABLE refresh.refresh_last_task IS
    'The task of each table that ended last, of each mode, backfills left out: they refresh nothing. Written as tasks end.';
COMMENT ON COLUMN refresh.refresh_last_task.held_checks IS 'Names of the checks that failed and hold; NULL when none does.';
COMMENT ON COLUMN refresh.refresh_last_task.held_scopes IS 'How many scopes it has kept from being published.';
GRANT INSERT, UPDATE, DELETE ON refresh.refresh_last_task TO refresh_loader; -- UPDATE: to lock what is removed

CREATE FUNCTION refresh.held_checks(the_task refresh.refresh_task) RETURNS jsonb LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_agg(DISTINCT q.metric) FROM refresh.refresh_data_quality q
WHERE q.run_id = the_task.run_id AND q.table_schema = the_task.table_schema AND q.table_name = the_task.table_name
    AND q.outcome = 'hold' AND NOT q.passed
$$;
COMMENT ON FUNCTION refresh.held_checks IS 'Names of the checks for which a run holds a table; NULL when there are none.';

CREATE FUNCTION refresh.note_last_task() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_holding boolean := NEW.status IN ('held', 'warning');
BEGIN
    IF EXISTS (SELECT FROM refresh.refresh_run n WHERE n.run_id = NEW.run_id AND n.request ? 'backfill') THEN
        RETURN NULL;
    END IF;
    INSERT INTO refresh.refresh_last_task (run_id, table_schema, table_name, mode, status, reason, error, finished_at, held_checks, held_scopes)
    VALUES (NEW.run_id, NEW.table_schema, NEW.table_name, NEW.mode, NEW.status, NEW.reason, left(NEW.error, 1000), NEW.finished_at,
        CASE WHEN is_holding THEN refresh.held_checks(NEW) END,
        CASE WHEN is_holding THEN (SELECT count(*) FROM refresh.held_scopes(NEW)) ELSE 0 END);
    -- Publish groups are published of one snapshot: what somebody else has removed since would be an error to them.
    IF current_setting('transaction_isolation') = 'read committed' THEN
        DELETE FROM refresh.refresh_last_task WHERE ctid = ANY (ARRAY(
            SELECT l.ctid FROM refresh.refresh_last_task l
            WHERE l.table_schema = NEW.table_schema AND l.table_name = NEW.table_name AND l.mode = NEW.mode AND l.finished_at < NEW.finished_at
            FOR UPDATE SKIP LOCKED));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note_last_task AFTER INSERT OR UPDATE ON refresh.refresh_task FOR EACH ROW
WHEN (refresh.is_terminal(NEW.status)) EXECUTE FUNCTION refresh.note_last_task();

INSERT INTO refresh.refresh_last_task (run_id, table_schema, table_name, mode, status, reason, error, finished_at, held_checks, held_scopes)
SELECT t.run_id, t.table_schema, t.table_name, t.mode, t.status, t.reason, left(t.error, 1000), t.finished_at,
    CASE WHEN t.status IN ('held', 'warning') THEN refresh.held_checks(t) END,
    CASE WHEN t.status IN ('held', 'warning') THEN (SELECT count(*) FROM refresh.held_scopes(t)) ELSE 0 END
FROM (
    SELECT DISTINCT ON (t.table_schema, t.table_name, t.mode) t.*
    FROM refresh.refresh_task t
    WHERE t.finished_at IS NOT NULL AND t.run_id NOT IN (SELECT n.run_id FROM refresh.refresh_run n WHERE n.request ? 'backfill')
    ORDER BY t.table_schema, t.table_name, t.mode, t.finished_at DESC
) t;
