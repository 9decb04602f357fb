-- The run's snapshot is fixed once, with its tasks.
UPDATE refresh.refresh_run SET snapshot_at = :snapshot_at, planned_at = now()
WHERE run_id = :run_id AND planned_at IS NULL
