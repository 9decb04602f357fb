-- The caller holds the task's row and has seen that nobody works on it; the higher epoch keeps out whoever still might.
UPDATE refresh.refresh_task
SET status = 'failed', reason = :reason, error = :error, epoch = epoch + 1, slices_open = 0
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
