-- One statement for all tables of a run.
INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, force)
SELECT :run_id, chosen.table_schema, chosen.table_name, chosen.handler, chosen.priority, :force
FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[]), CAST(:handlers AS text[]), CAST(:priorities AS integer[]))
    AS chosen (table_schema, table_name, handler, priority)
