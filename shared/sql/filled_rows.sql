-- What filling has made of the task's counts.
SELECT rows_staged, rows_quarantined
FROM refresh.refresh_task
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
