-- The scopes that a publish writes, beside the state that it replaces.
INSERT INTO refresh.refresh_publish_scope (publish_id, scope, fingerprint, was_published, fingerprint_before,
    definition_hash_before, rows_before, rows_quarantined_before, run_id_before, published_at_before)
SELECT :publish_id, s.scope, s.fingerprint, p.run_id IS NOT NULL, p.fingerprint, p.definition_hash, p.rows,
    p.rows_quarantined, p.run_id, p.published_at
FROM refresh.refresh_task_scope s
LEFT JOIN refresh.refresh_partition_state p
    ON p.table_schema = s.table_schema AND p.table_name = s.table_name AND p.scope IS NOT DISTINCT FROM s.scope
WHERE s.run_id = :run_id AND s.table_schema = :schema AND s.table_name = :name AND s.action IN ('changed', 'vanished')
