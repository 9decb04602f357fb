-- Whoever advances a run holds it. NO KEY: publishes refer to the run by foreign key and must not wait for this.
SELECT run_id, status, planned_at IS NOT NULL AS planned, request
FROM refresh.refresh_run
WHERE run_id = :run_id
FOR NO KEY UPDATE
