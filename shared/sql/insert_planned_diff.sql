-- What a plan found of each scope that is not left alone; which rows would be written, it does not know.
INSERT INTO refresh.refresh_diff (run_id, table_schema, table_name, scope, action, slice_no, rows, rows_published)
SELECT a.run_id, a.table_schema, a.table_name, a.scope, a.action, a.slice_no, a.rows, coalesce(p.rows, 0)
FROM refresh.refresh_task_scope a
LEFT JOIN refresh.refresh_partition_state p
    ON p.table_schema = a.table_schema AND p.table_name = a.table_name AND p.scope IS NOT DISTINCT FROM a.scope
WHERE a.run_id = :run_id AND a.table_schema = :schema AND a.table_name = :name AND a.action <> 'unchanged'
