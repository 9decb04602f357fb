-- What earlier runs have put aside of the scopes that are published now: it fits, is gone, or was put aside again.
UPDATE refresh.refresh_quarantine q
SET resolved_at = clock_timestamp(), resolved_by = :run_id
FROM refresh.refresh_task_scope s
WHERE s.run_id = :run_id AND s.table_schema = :schema AND s.table_name = :name AND s.action IN ('changed', 'vanished')
    AND q.table_schema = s.table_schema AND q.table_name = s.table_name AND q.scope IS NOT DISTINCT FROM s.scope
    AND q.run_id <> :run_id AND q.resolved_at IS NULL
