-- One statement for all tables of a run. What is not live says so in its details, and by them in each line of the audit.
INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, force, mode, details)
SELECT :run_id, chosen.table_schema, chosen.table_name, chosen.handler, chosen.priority, :force, chosen.mode,
    CASE WHEN chosen.mode = 'live' THEN '{}' ELSE jsonb_build_object('mode', chosen.mode) END
FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[]), CAST(:handlers AS text[]), CAST(:priorities AS integer[]),
    CAST(:modes AS text[])) AS chosen (table_schema, table_name, handler, priority, mode)
