-- Unchanged at this snapshot: an older run may no longer write them.
UPDATE refresh.refresh_partition_state p
SET snapshot_at = :snapshot_at
FROM refresh.refresh_task_scope s
WHERE s.run_id = :run_id AND s.table_schema = :schema AND s.table_name = :name AND s.action = 'unchanged'
    AND p.table_schema = s.table_schema AND p.table_name = s.table_name AND p.scope IS NOT DISTINCT FROM s.scope
    AND p.snapshot_at < :snapshot_at
