-- The plan of a task, scope by scope.
SELECT scope, action, fingerprint, published_fingerprint, rows, rows_read, published_rows, figures
FROM refresh.refresh_task_scope
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
ORDER BY scope NULLS FIRST
