-- Gives a slice back, see release_task.sql. The task notes why, and that a message for it was owed where there is no delay.
WITH noted AS (
    UPDATE refresh.refresh_task
    SET owed_at = CASE WHEN CAST(:delay AS double precision) = 0 THEN clock_timestamp() ELSE owed_at END,
        reason = coalesce(:reason, reason), error = coalesce(:error, error)
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND status = 'running'
)
UPDATE refresh.refresh_checkpoint
SET status = 'pending', lease_until = NULL,
    not_before = clock_timestamp() + make_interval(secs => CAST(:delay AS double precision)),
    attempt = CASE WHEN :counts THEN attempt ELSE 0 END
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no AND epoch = :epoch
    AND status = 'running'
RETURNING run_id
