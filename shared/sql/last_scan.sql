-- What the last scan of a table says of its scopes: of which snapshot it is (NULL before the first publish), from which
-- scope on it looked, and which scopes are not of it: published of an older snapshot, held, or taken back. Rows in quarantine
-- by scope.
SELECT r.scanned_snapshot_at AS snapshot_at, r.scanned_from AS scan_from,
    ARRAY(SELECT p.scope FROM refresh.refresh_partition_state p
        WHERE p.table_schema = r.table_schema AND p.table_name = r.table_name AND p.snapshot_at < r.scanned_snapshot_at) AS older,
    ARRAY(SELECT s.scope FROM refresh.refresh_task_scope s JOIN refresh.refresh_run n USING (run_id)
        WHERE s.table_schema = r.table_schema AND s.table_name = r.table_name AND n.snapshot_at = r.scanned_snapshot_at
            AND s.action = 'held'
        UNION
        SELECT p.scope FROM refresh.refresh_partition_state p
        WHERE p.table_schema = r.table_schema AND p.table_name = r.table_name AND p.refused_at IS NOT NULL) AS held,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('scope', p.scope, 'rows', p.rows_quarantined)), '[]')
        FROM refresh.refresh_partition_state p
        WHERE p.table_schema = r.table_schema AND p.table_name = r.table_name AND p.rows_quarantined > 0) AS quarantined
FROM refresh.refresh_table_registry r
WHERE r.table_schema = :schema AND r.table_name = :name
