-- Rows in quarantine: of which scope they are, and whether a later publish of it has made an end of them.

ALTER TABLE refresh.refresh_quarantine
    ADD COLUMN scope text,
    ADD COLUMN resolved_at timestamptz,
    ADD COLUMN resolved_by uuid,
    ADD CONSTRAINT resolved_by_a_run CHECK ((resolved_at IS NULL) = (resolved_by IS NULL));
CREATE INDEX refresh_quarantine_open ON refresh.refresh_quarantine (table_schema, table_name, quarantine_id)
WHERE resolved_at IS NULL;
CREATE INDEX refresh_quarantine_newest ON refresh.refresh_quarantine (quarantine_id DESC, table_schema, table_name);
COMMENT ON COLUMN refresh.refresh_quarantine.resolved_by IS
    'The run that has published the row''s scope anew: the row fits now, is gone, or was put aside again by that run.';
GRANT UPDATE (resolved_at, resolved_by) ON refresh.refresh_quarantine TO refresh_loader;

CREATE FUNCTION refresh.views_over_table(of_schema text, of_name text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH RECURSIVE over (table_schema, table_name) AS (
    SELECT of_schema, of_name
    UNION
    SELECT r.table_schema, r.table_name
    FROM over o
    JOIN refresh.refresh_dependency d ON (d.depends_on_schema, d.depends_on_name) = (o.table_schema, o.table_name)
    JOIN refresh.refresh_table_registry r ON (r.table_schema, r.table_name) = (d.table_schema, d.table_name)
    WHERE r.mode = 'live' AND r.handler = 'summaries'
)
SELECT table_schema || '.' || table_name FROM over WHERE (table_schema, table_name) <> (of_schema, of_name) ORDER BY 1
$$;
COMMENT ON FUNCTION refresh.views_over_table IS 'Live materialized views that depend on a table, also through one another.';

CREATE FUNCTION refresh.replay_quarantine(
    "table" text, requested_by text DEFAULT current_user, idempotency_key text DEFAULT NULL, request_hash text DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry refresh.refresh_table_registry;
    the_run uuid := gen_random_uuid();
    other uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('refresh.request_run', 0));
    SELECT r.* INTO entry FROM refresh.refresh_table_registry r
    WHERE r.table_schema || '.' || r.table_name = replay_quarantine."table";
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not registered: %', "table" USING ERRCODE = 'undefined_table', HINT = 'Name the table as schema.table.';
    ELSIF entry.mode <> 'live' THEN
        PERFORM refresh.refuse_decision('RF004', format('%s has mode %s', "table", entry.mode), 'Set mode to live first.');
    END IF;
    SELECT n.run_id INTO other FROM refresh.refresh_run n
    WHERE n.status = 'running' AND CASE
        WHEN n.planned_at IS NULL THEN n.request -> 'tables' IS NULL OR n.request -> 'tables' ? "table"
        ELSE EXISTS (
            SELECT FROM refresh.refresh_task t
            WHERE t.run_id = n.run_id AND t.table_schema = entry.table_schema AND t.table_name = entry.table_name
                AND t.status IN ('queued', 'running'))
        END
    LIMIT 1;
    IF FOUND THEN
        PERFORM refresh.refuse_decision('RF003', format('%s is being refreshed by run %s', "table", other), 'Wait for it to end.');
    END IF;
    IF NOT EXISTS (
        SELECT FROM refresh.refresh_quarantine q JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
        WHERE q.table_schema = entry.table_schema AND q.table_name = entry.table_name AND q.resolved_at IS NULL AND t.mode = 'live') THEN
        PERFORM refresh.refuse_decision('RF009', format('no row of %s is in quarantine', "table"), 'Nothing has to be done.');
    END IF;
    INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, request, idempotency_key, request_hash)
    VALUES (the_run, 'manual', replay_quarantine.requested_by, jsonb_build_object(
            'tables', array_prepend("table", ARRAY(SELECT refresh.views_over_table(entry.table_schema, entry.table_name))),
            'replay_quarantine', "table"),
        coalesce(replay_quarantine.idempotency_key, 'manual:' || the_run), replay_quarantine.request_hash);
    INSERT INTO refresh.refresh_outbox (topic, payload)
    VALUES ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', the_run));
    RETURN the_run;
END $$;
COMMENT ON FUNCTION refresh.replay_quarantine IS
    'Asks for a run that reads the scopes anew of which rows are in quarantine, changed or not. Returns its id.';

CREATE OR REPLACE FUNCTION refresh.is_superseded(held refresh.refresh_task_scope, held_snapshot timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce(p.snapshot_at > held_snapshot, false) OR (p.fingerprint IS NULL AND EXISTS (
    SELECT FROM refresh.refresh_task t JOIN refresh.refresh_run n USING (run_id)
    WHERE t.table_schema = held.table_schema AND t.table_name = held.table_name AND n.snapshot_at > held_snapshot
        AND t.mode = 'live' AND t.status IN ('success', 'no_new_data', 'warning')
        AND (t.scan_from IS NULL OR held.scope COLLATE "C" >= t.scan_from COLLATE "C")
        AND (n.request -> 'backfill' ->> 'to' IS NULL OR held.scope COLLATE "C" <= (n.request -> 'backfill' ->> 'to') COLLATE "C")))
FROM (VALUES (1)) AS one
LEFT JOIN refresh.refresh_partition_state p
    ON p.table_schema = held.table_schema AND p.table_name = held.table_name AND p.scope IS NOT DISTINCT FROM held.scope
$$;
