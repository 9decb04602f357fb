-- Rows that the scopes left alone by this run had rejected when they were published.
SELECT coalesce(sum(p.rows_quarantined), 0)::bigint AS rows
FROM refresh.refresh_partition_state p
JOIN refresh.refresh_task_scope s
    ON s.table_schema = p.table_schema AND s.table_name = p.table_name AND s.scope IS NOT DISTINCT FROM p.scope
WHERE s.run_id = :run_id AND s.table_schema = :schema AND s.table_name = :name AND s.action = 'unchanged'
