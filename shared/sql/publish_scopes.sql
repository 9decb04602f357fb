-- The scopes as they are published from now on. An unchanged scope was seen at this snapshot too, so an older run may no
-- longer write it.
INSERT INTO refresh.refresh_partition_state AS p
    (table_schema, table_name, scope, fingerprint, definition_hash, snapshot_at, rows, rows_quarantined, run_id)
SELECT s.table_schema, s.table_name, s.scope, s.fingerprint, :definition_hash, :snapshot_at, s.rows,
    CASE WHEN c.rows_quarantined > 0 THEN (
        SELECT count(*) FROM refresh.refresh_quarantine q
        WHERE q.run_id = s.run_id AND q.table_schema = s.table_schema AND q.table_name = s.table_name AND q.slice_no = s.slice_no
            AND q.scope IS NOT DISTINCT FROM s.scope) ELSE 0 END,
    s.run_id
FROM refresh.refresh_task_scope s
LEFT JOIN refresh.refresh_checkpoint c USING (run_id, table_schema, table_name, slice_no)
WHERE s.run_id = :run_id AND s.table_schema = :schema AND s.table_name = :name AND s.action IN ('changed', 'vanished')
ON CONFLICT (table_schema, table_name, scope) DO UPDATE
SET fingerprint = excluded.fingerprint, definition_hash = excluded.definition_hash, snapshot_at = excluded.snapshot_at,
    rows = excluded.rows, rows_quarantined = excluded.rows_quarantined, run_id = excluded.run_id,
    published_at = clock_timestamp(), refused_fingerprint = NULL, refused = '{}', refused_why = '{}', refused_at = NULL
