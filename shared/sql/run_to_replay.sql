-- The run that is to be done again.
SELECT status, snapshot_at, request ->> 'mode' AS mode FROM refresh.refresh_run WHERE run_id = :run_id
