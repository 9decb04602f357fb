-- Oldest first.
SELECT run_id FROM refresh.refresh_run WHERE status = 'running' AND planned_at IS NOT NULL ORDER BY created_at
