-- Why the last try to refresh a materialized view failed.
INSERT INTO refresh.materialized_view_refresh_status (table_schema, table_name, run_id, last_error)
VALUES (:schema, :name, :run_id, :error)
ON CONFLICT (table_schema, table_name) DO UPDATE SET run_id = excluded.run_id, last_error = excluded.last_error
