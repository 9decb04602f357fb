-- Tables that change together: those of a publish group are published in one transaction, or none of them is.

ALTER TABLE refresh.refresh_table_registry
    ADD COLUMN publish_group text CHECK (publish_group ~ '^[a-z][a-z0-9_]{0,62}$');
COMMENT ON COLUMN refresh.refresh_table_registry.publish_group IS
    'Tables with the same one are published in one transaction; NULL: alone.';
GRANT UPDATE (publish_group) ON refresh.refresh_table_registry TO refresh_api;

ALTER TABLE refresh.refresh_task ADD COLUMN publish_group text, ADD COLUMN staged_at timestamptz;
COMMENT ON COLUMN refresh.refresh_task.publish_group IS 'The table''s group when the run was planned; NULL also where it publishes nothing.';
COMMENT ON COLUMN refresh.refresh_task.staged_at IS 'Since when everything is there for it to be published.';
CREATE INDEX refresh_task_group ON refresh.refresh_task (run_id, publish_group) WHERE publish_group IS NOT NULL;

CREATE FUNCTION refresh.check_publish_group() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM refresh.refuse_registration(NEW, 'publish_group', format('is %s', quote_literal(NEW.publish_group)),
        'Set publish_group to a name of small letters, digits and _ that begins with a letter, or to NULL.');
    RETURN NEW;
END $$;
CREATE TRIGGER check_publish_group BEFORE INSERT OR UPDATE OF publish_group ON refresh.refresh_table_registry
FOR EACH ROW WHEN (NEW.publish_group !~ '^[a-z][a-z0-9_]{0,62}$') EXECUTE FUNCTION refresh.check_publish_group();

-- No table of a group ends before all of them are staged. A table outside that waits for one of them, and is waited for by
-- another, would wait forever.
CREATE FUNCTION refresh.refuse_detours() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    around text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('refresh.refresh_dependency', 0));
    IF NOT EXISTS (SELECT FROM refresh.refresh_table_registry r WHERE r.publish_group IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    WITH RECURSIVE unit AS (
        SELECT r.table_schema, r.table_name, r.publish_group IS NOT NULL AS is_group,
            coalesce(r.publish_group, r.table_schema || '.' || r.table_name) AS name
        FROM refresh.refresh_table_registry r
    ), edge AS (
        SELECT DISTINCT a.name AS dependent, a.is_group, b.name AS input
        FROM refresh.refresh_dependency d
        JOIN unit a ON (a.table_schema, a.table_name) = (d.table_schema, d.table_name)
        JOIN unit b ON (b.table_schema, b.table_name) = (d.depends_on_schema, d.depends_on_name)
        WHERE a.name <> b.name
    ), reached AS (
        SELECT dependent AS start, input AS at FROM edge WHERE is_group
        UNION
        SELECT r.start, e.input FROM reached r JOIN edge e ON e.dependent = r.at
    )
    SELECT string_agg(start, ', ' ORDER BY start) INTO around FROM reached WHERE at = start;
    IF around IS NOT NULL THEN
        RAISE EXCEPTION 'publish group % would wait for itself by way of tables outside of it', around USING ERRCODE = 'check_violation',
            HINT = 'Put the tables in between into the publish group too, or remove one of the dependencies.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_detours AFTER INSERT OR UPDATE ON refresh.refresh_dependency
FOR EACH ROW EXECUTE FUNCTION refresh.refuse_detours();
CREATE TRIGGER refuse_detours_inserted AFTER INSERT ON refresh.refresh_table_registry
FOR EACH ROW WHEN (NEW.publish_group IS NOT NULL) EXECUTE FUNCTION refresh.refuse_detours();
CREATE TRIGGER refuse_detours_updated AFTER UPDATE OF publish_group ON refresh.refresh_table_registry
FOR EACH ROW WHEN (NEW.publish_group IS DISTINCT FROM OLD.publish_group) EXECUTE FUNCTION refresh.refuse_detours();

CREATE OR REPLACE FUNCTION refresh.guard_task_move() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
BEGIN
    IF refresh.is_terminal(OLD.status) THEN
        RAISE EXCEPTION 'task %.% of run % has ended as %; an ended task never changes',
            OLD.table_schema, OLD.table_name, OLD.run_id, OLD.status USING ERRCODE = 'check_violation';
    END IF;
    -- From queued to held: with its publish group.
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('queued', 'running'), ('queued', 'skipped'), ('queued', 'failed'), ('queued', 'held'), ('running', 'queued'),
        ('running', 'success'), ('running', 'no_new_data'), ('running', 'warning'), ('running', 'held'), ('running', 'failed'),
        ('running', 'skipped')
    ) THEN
        RAISE EXCEPTION 'a task cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.epoch < OLD.epoch THEN
        RAISE EXCEPTION 'the epoch of a task never falls (% to %)', OLD.epoch, NEW.epoch USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.phase = 'staged' AND OLD.phase <> 'staged' THEN
        NEW.staged_at := clock_timestamp();
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

-- The orchestrator starts what waits for the table inside of its group.
CREATE FUNCTION refresh.announce_staged() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO refresh.refresh_outbox (topic, payload)
    SELECT 'refresh-schedule', jsonb_build_object('version', 1, 'kind', 'table_staged', 'run_id', NEW.run_id,
        'table', NEW.table_schema || '.' || NEW.table_name)
    WHERE EXISTS (
        SELECT FROM refresh.refresh_task t
        WHERE t.run_id = NEW.run_id AND t.publish_group = NEW.publish_group AND t.status = 'queued' AND t.owed_at IS NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER announce_staged AFTER UPDATE OF phase ON refresh.refresh_task
FOR EACH ROW WHEN (NEW.publish_group IS NOT NULL AND NEW.phase = 'staged' AND OLD.phase <> 'staged')
EXECUTE FUNCTION refresh.announce_staged();

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
    max_bytes_billed_per_day bigint DEFAULT NULL,
    shadow_clean_days integer DEFAULT 14,
    shadow_tolerances jsonb DEFAULT '{}',
    publish_group text DEFAULT NULL
) RETURNS refresh.refresh_table_registry LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
SELECT * FROM refresh.register_options(table_schema, table_name, jsonb_build_object(
    'source', source, 'handler', handler, 'column_map', column_map, 'key_columns', key_columns,
    'scope_column', scope_column, 'scope_bucket', scope_bucket, 'strategy', strategy, 'mode', mode,
    'priority', priority, 'frequency_hours', frequency_hours, 'lookback', lookback,
    'slice_target_rows', slice_target_rows, 'parallelism', parallelism, 'max_bytes_billed', max_bytes_billed,
    'checks', checks, 'nul_policies', nul_policies, 'loaded_at_column', loaded_at_column, 'depends_on', depends_on,
    'rollback_publishes', rollback_publishes, 'drift_policies', drift_policies,
    'max_bytes_billed_per_day', max_bytes_billed_per_day, 'shadow_clean_days', shadow_clean_days,
    'shadow_tolerances', shadow_tolerances,
    'publish_group', publish_group))
$$;
COMMENT ON FUNCTION refresh.register_table IS
    'Registers a table, or sets its whole configuration anew. depends_on: {"schema.name": "hard" or "soft"}; NULL leaves the dependencies as they are.';
