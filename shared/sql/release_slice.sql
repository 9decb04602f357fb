-- Gives a slice back, see release_task.sql.
WITH owed AS (
    UPDATE refresh.refresh_task SET owed_at = clock_timestamp()
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND status = 'running' AND :delay = 0
)
UPDATE refresh.refresh_checkpoint
SET status = 'pending', lease_until = NULL, not_before = clock_timestamp() + make_interval(secs => :delay),
    attempt = CASE WHEN :counts THEN attempt ELSE 0 END
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no AND epoch = :epoch
    AND status = 'running'
RETURNING run_id
