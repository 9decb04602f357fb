-- What BigQuery bills, job by job: reserved before a job starts, so that two runs at once cannot both spend what is left of
-- a day, and settled when it has ended.

ALTER TABLE refresh.refresh_table_registry
    ADD COLUMN max_bytes_billed_per_day bigint CHECK (max_bytes_billed_per_day > 0);
COMMENT ON COLUMN refresh.refresh_table_registry.max_bytes_billed_per_day IS
    'Cap for all BigQuery jobs of the table in a day (UTC); NULL for none.';
GRANT UPDATE (max_bytes_billed_per_day) ON refresh.refresh_table_registry TO refresh_api;

CREATE FUNCTION refresh.check_max_bytes_billed_per_day() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM refresh.refuse_registration(NEW, 'max_bytes_billed_per_day', format('is %s', NEW.max_bytes_billed_per_day),
        'Set max_bytes_billed_per_day to a number of bytes above 0, or NULL for no cap.');
    RETURN NEW;
END $$;
CREATE TRIGGER check_max_bytes_billed_per_day BEFORE INSERT OR UPDATE OF max_bytes_billed_per_day
ON refresh.refresh_table_registry FOR EACH ROW WHEN (NEW.max_bytes_billed_per_day <= 0)
EXECUTE FUNCTION refresh.check_max_bytes_billed_per_day();

CREATE TABLE refresh.refresh_job_cost (
    job_id text PRIMARY KEY,
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    step text NOT NULL,
    bytes_reserved bigint NOT NULL DEFAULT 0 CHECK (bytes_reserved >= 0),
    bytes_billed bigint CHECK (bytes_billed >= 0),
    usd numeric,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at timestamptz,
    FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task ON DELETE CASCADE,
    CHECK ((bytes_billed IS NULL) = (settled_at IS NULL))
);
CREATE INDEX refresh_job_cost_started ON refresh.refresh_job_cost (started_at);
CREATE INDEX refresh_job_cost_task ON refresh.refresh_job_cost (run_id, table_schema, table_name);
CREATE INDEX refresh_job_cost_last ON refresh.refresh_job_cost (table_schema, table_name, step, settled_at DESC);
COMMENT ON TABLE refresh.refresh_job_cost IS
    'What a BigQuery job bills: as estimated before it starts, and in bytes and at the price of then once it has ended.';
GRANT INSERT, UPDATE ON refresh.refresh_job_cost TO refresh_loader;

-- What was billed before jobs were kept one by one.
INSERT INTO refresh.refresh_job_cost (job_id, run_id, table_schema, table_name, step, bytes_billed, started_at, settled_at)
SELECT format('task:%s:%s.%s', run_id, table_schema, table_name), run_id, table_schema, table_name, 'task', bytes_billed,
    coalesce(started_at, created_at), coalesce(finished_at, now())
FROM refresh.refresh_task WHERE bytes_billed > 0;

CREATE FUNCTION refresh.bytes_spent(of_day date, of_schema text DEFAULT NULL, of_name text DEFAULT NULL) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce(sum(coalesce(j.bytes_billed, CASE WHEN refresh.is_terminal(t.status) THEN 0 ELSE j.bytes_reserved END)), 0)::bigint
FROM refresh.refresh_job_cost j
JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
WHERE j.started_at >= of_day::timestamp AT TIME ZONE 'UTC' AND j.started_at < (of_day + 1)::timestamp AT TIME ZONE 'UTC'
    AND (of_schema IS NULL OR (j.table_schema, j.table_name) = (of_schema, of_name))
$$;
COMMENT ON FUNCTION refresh.bytes_spent IS
    'Bytes that jobs started on a day (UTC) have billed, or have reserved and may bill yet: of a table, or of all.';

CREATE OR REPLACE FUNCTION refresh.audit_task_move() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
DECLARE
    what text;
    price numeric;
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
    IF refresh.is_terminal(NEW.status) THEN
        SELECT round(sum(j.usd), 6) INTO price FROM refresh.refresh_job_cost j
        WHERE (j.run_id, j.table_schema, j.table_name) = (NEW.run_id, NEW.table_schema, NEW.table_name);
    END IF;
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, status, duration_ms, rows_read,
        rows_staged, rows_inserted, rows_updated, rows_deleted, rows_unchanged, rows_quarantined, rows_superseded,
        rows_merged, bytes_billed, bigquery_job_id, error, details)
    VALUES (NEW.run_id, NEW.table_schema, NEW.table_name, what, NEW.status,
        (extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000)::bigint, NEW.rows_read,
        NEW.rows_staged, NEW.rows_inserted, NEW.rows_updated, NEW.rows_deleted, NEW.rows_unchanged, NEW.rows_quarantined,
        NEW.rows_superseded, NEW.rows_merged, NEW.bytes_billed, NEW.bigquery_job_id, NEW.error,
        NEW.details || jsonb_strip_nulls(jsonb_build_object('phase', NEW.phase, 'epoch', NEW.epoch, 'reason', NEW.reason,
            'usd', price)));
    RETURN NULL;
END $$;
DROP FUNCTION refresh.register_table;
CREATE FUNCTION refresh.register_table(
    table_schema text,
    table_name text,
    source text DEFAULT NULL,
    handler text DEFAULT 'generic',
    column_map jsonb DEFAULT '{}',
    key_columns text[] DEFAULT '{}',
    scope_column text DEFAULT NULL,
    scope_bucket text DEFAULT NULL,
    strategy text DEFAULT 'merge',
    mode text DEFAULT 'live',
    priority integer DEFAULT 100,
    frequency_hours integer DEFAULT 24,
    lookback integer DEFAULT NULL,
    slice_target_rows integer DEFAULT 250000,
    parallelism integer DEFAULT 1,
    max_bytes_billed bigint DEFAULT NULL,
    checks jsonb DEFAULT '{}',
    nul_policies jsonb DEFAULT '{}',
    loaded_at_column text DEFAULT NULL,
    depends_on jsonb DEFAULT NULL,
    rollback_publishes integer DEFAULT 7,
    drift_policies jsonb DEFAULT '{}',
    max_bytes_billed_per_day bigint DEFAULT NULL
) RETURNS refresh.refresh_table_registry LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
SELECT * FROM refresh.register_options(table_schema, table_name, jsonb_build_object(
    'source', source, 'handler', handler, 'column_map', column_map, 'key_columns', key_columns,
    'scope_column', scope_column, 'scope_bucket', scope_bucket, 'strategy', strategy, 'mode', mode,
    'priority', priority, 'frequency_hours', frequency_hours, 'lookback', lookback,
    'slice_target_rows', slice_target_rows, 'parallelism', parallelism, 'max_bytes_billed', max_bytes_billed,
    'checks', checks, 'nul_policies', nul_policies, 'loaded_at_column', loaded_at_column, 'depends_on', depends_on,
    'rollback_publishes', rollback_publishes, 'drift_policies', drift_policies,
    'max_bytes_billed_per_day', max_bytes_billed_per_day))
$$;
COMMENT ON FUNCTION refresh.register_table IS
    'Registers a table, or sets its whole configuration anew. depends_on: {"schema.name": "hard" or "soft"}; NULL leaves the dependencies as they are.';
