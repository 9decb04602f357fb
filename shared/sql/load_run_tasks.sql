-- Everything that decides what a run does next.
SELECT table_schema, table_name, handler, priority, mode, status, phase, publish_group, owed_at IS NOT NULL AS owed
FROM refresh.refresh_task
WHERE run_id = :run_id
