-- One statement for all tables of a run. What is not live says so in its details, and by them in each line of the audit. Publish
-- groups are those of now, for as long as the run lasts; what publishes nothing is in none, so that nobody waits for it.
INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, force, mode, details, publish_group)
SELECT :run_id, chosen.table_schema, chosen.table_name, chosen.handler, chosen.priority, :force, chosen.mode,
    CASE WHEN chosen.mode = 'live' THEN '{}' ELSE jsonb_build_object('mode', chosen.mode) END,
    CASE WHEN :grouped AND chosen.mode = 'live' AND r.mode = 'live' THEN r.publish_group END
FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[]), CAST(:handlers AS text[]), CAST(:priorities AS integer[]),
    CAST(:modes AS text[])) AS chosen (table_schema, table_name, handler, priority, mode)
LEFT JOIN refresh.refresh_table_registry r USING (table_schema, table_name)
