-- Asked for at least a minute ago, and their message has not arrived.
SELECT run_id FROM refresh.refresh_run
WHERE status = 'running' AND planned_at IS NULL AND created_at < now() - interval '1 minute'
ORDER BY created_at
