-- Only a planned run without an open task ends.
UPDATE refresh.refresh_run n
SET status = :status, finished_at = clock_timestamp()
WHERE n.run_id = :run_id AND n.status = 'running' AND n.planned_at IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM refresh.refresh_task t WHERE t.run_id = n.run_id AND t.status IN ('queued', 'running'))
RETURNING n.run_id
