-- Gives the claim back; the message that continues the work is owed in the same transaction, or by the sweep after the delay.
UPDATE refresh.refresh_task
SET status = 'queued', not_before = clock_timestamp() + make_interval(secs => CAST(:delay AS double precision)), reason = :reason, error = :error,
    attempt = CASE WHEN :counts THEN attempt ELSE 0 END,
    owed_at = CASE WHEN CAST(:delay AS double precision) = 0 THEN clock_timestamp() ELSE owed_at END
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND epoch = :epoch AND status = 'running'
RETURNING run_id
