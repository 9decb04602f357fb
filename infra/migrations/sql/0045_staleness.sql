-- Nothing ends where nothing runs: a daily trigger that does not come leaves no failed task to be told of. So tables that have become stale
-- are told by themselves, and the overview is told of late reports.

CREATE FUNCTION refresh.interval_hours(frequency_hours integer, trigger_hours integer) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ceil(frequency_hours::double precision / trigger_hours)::integer * trigger_hours;
COMMENT ON FUNCTION refresh.interval_hours IS
    'How often a table can be refreshed at best, in hours: its frequency in whole intervals of the daily trigger.';

CREATE TABLE refresh.refresh_stale_told (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    since timestamptz NOT NULL,
    told_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (table_schema, table_name),
    FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry ON DELETE CASCADE
);
COMMENT ON TABLE refresh.refresh_stale_told IS 'A table whose staleness was told by a data.stale event: once until its data is newer.';
COMMENT ON COLUMN refresh.refresh_stale_told.since IS 'The moment that its data was of; of a table without data, when it was registered.';
GRANT INSERT, UPDATE ON refresh.refresh_stale_told TO refresh_loader;

CREATE FUNCTION refresh.owe_stale_tables(trigger_hours integer) RETURNS bigint LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
WITH stale AS MATERIALIZED (
    SELECT r.table_schema, r.table_name, r.frequency_hours, r.next_refresh_at, good.data_as_of, coalesce(good.data_as_of, r.created_at) AS since
    FROM refresh.refresh_table_registry r
    CROSS JOIN LATERAL (
        SELECT coalesce(r.scanned_snapshot_at, (
            SELECT coalesce(n.snapshot_at, t.finished_at)
            FROM refresh.refresh_task t
            JOIN refresh.refresh_run n USING (run_id)
            WHERE t.table_schema = r.table_schema AND t.table_name = r.table_name AND t.mode = 'live'
                AND t.status IN ('success', 'no_new_data', 'warning')
            ORDER BY t.finished_at DESC
            LIMIT 1)) AS data_as_of
    ) good
    WHERE r.mode = 'live' AND coalesce(good.data_as_of, r.created_at)
        < now() - make_interval(hours => refresh.interval_hours(r.frequency_hours, owe_stale_tables.trigger_hours) + 1)
), newly AS (
    INSERT INTO refresh.refresh_stale_told AS told (table_schema, table_name, since)
    SELECT s.table_schema, s.table_name, s.since FROM stale s
    ON CONFLICT (table_schema, table_name) DO UPDATE SET since = excluded.since, told_at = excluded.told_at
    WHERE told.since < excluded.since
    RETURNING told.table_schema, told.table_name, told.told_at
), owed AS (
    INSERT INTO refresh.refresh_outbox (topic, payload)
    SELECT 'refresh-events', jsonb_build_object(
        'id', gen_random_uuid(), 'type', 'data.stale',
        'occurred_at', to_char(newly.told_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'run_id', NULL, 'table', newly.table_schema || '.' || newly.table_name,
        'data', jsonb_build_object(
            'data_as_of', to_char(stale.data_as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'frequency_hours', stale.frequency_hours,
            'next_refresh_at', to_char(stale.next_refresh_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
    FROM newly JOIN stale USING (table_schema, table_name)
    RETURNING 1
)
SELECT count(*) FROM owed
$$;
COMMENT ON FUNCTION refresh.owe_stale_tables IS
    'Owes a data.stale event, once, for each live table whose data is older than its interval and an hour; called by the sweep. Returns how many.';

CREATE FUNCTION refresh.late_reports() RETURNS TABLE ("table" text, report text, since timestamptz) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    warehouse text;
BEGIN
    FOR warehouse IN
        SELECT r.table_schema FROM refresh.refresh_table_registry r
        WHERE r.handler = 'search_queries' AND r.table_name = 'search_query_performance' AND r.mode = 'live'
            AND EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname = r.table_schema AND p.proname = 'late_reports' AND p.pronargs = 0)
        ORDER BY r.table_schema
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L, concat_ws('' '', l.client_id, l.marketplace_id, l.report_period, l.period_start), l.since FROM %I.late_reports() l',
            warehouse || '.search_query_performance', warehouse);
    END LOOP;
END $$;
COMMENT ON FUNCTION refresh.late_reports IS 'Reports that are missing past their alert, of every registered warehouse.';

CREATE INDEX refresh_partition_state_quarantined ON refresh.refresh_partition_state (table_schema, table_name) INCLUDE (rows_quarantined)
WHERE rows_quarantined > 0;

DROP INDEX refresh.refresh_task_verified;
CREATE INDEX refresh_task_verified ON refresh.refresh_task (table_schema, table_name, finished_at DESC)
WHERE mode = 'verify' AND status IN ('success', 'warning', 'failed');
