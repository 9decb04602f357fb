-- Scopes of which rows are in quarantine: of the last publish, or of a run that did not publish.
SELECT q.scope
FROM refresh.refresh_quarantine q
JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
WHERE q.table_schema = :schema AND q.table_name = :name AND q.resolved_at IS NULL AND t.mode = 'live'
UNION
SELECT p.scope
FROM refresh.refresh_partition_state p
WHERE p.table_schema = :schema AND p.table_name = :name AND p.rows_quarantined > 0
