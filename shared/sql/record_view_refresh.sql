-- The refresh of a materialized view, with the versions of the inputs that it saw.
INSERT INTO refresh.materialized_view_refresh_status
    (table_schema, table_name, last_refreshed_at, duration_ms, rows, is_concurrent, input_versions, run_id, last_error)
VALUES (:schema, :name, clock_timestamp(),
    (extract(epoch FROM clock_timestamp() - CAST(:started AS timestamptz)) * 1000)::bigint, :rows, true,
    CAST(:versions AS jsonb), :run_id, NULL)
ON CONFLICT (table_schema, table_name) DO UPDATE
SET last_refreshed_at = excluded.last_refreshed_at, duration_ms = excluded.duration_ms, rows = excluded.rows,
    is_concurrent = excluded.is_concurrent, input_versions = excluded.input_versions, run_id = excluded.run_id,
    last_error = NULL
