-- Planning anew replaces what an attempt before has left.
INSERT INTO refresh.refresh_task_definition (run_id, table_schema, table_name, definition)
VALUES (:run_id, :schema, :name, CAST(:definition AS json))
ON CONFLICT (run_id, table_schema, table_name) DO UPDATE SET definition = excluded.definition
