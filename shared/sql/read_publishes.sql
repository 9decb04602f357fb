-- A page of a table's publishes that wrote rows, the newest first, with what stands in the way of taking each back.
SELECT json_build_object(
    'table', r.table_schema || '.' || r.table_name, 'rollback_publishes', r.rollback_publishes,
    'total', (SELECT count(*) FROM refresh.refresh_publish p
        WHERE p.table_schema = r.table_schema AND p.table_name = r.table_name),
    'items', (
        SELECT coalesce(json_agg(json_build_object('run_id', p.run_id, 'published_at', p.published_at,
            'state', CASE WHEN p.rolled_back_at IS NOT NULL THEN 'rolled_back' WHEN p.expired_at IS NOT NULL THEN 'expired'
                ELSE 'kept' END,
            'was_empty', p.was_empty, 'rows_inserted', p.rows_inserted, 'rows_updated', p.rows_updated,
            'rows_deleted', p.rows_deleted, 'undo_bytes', p.undo_bytes,
            'take_back_before', CASE WHEN p.rolled_back_at IS NULL AND p.expired_at IS NULL
                THEN ARRAY(SELECT later.run_id FROM refresh.publishes_in_the_way(p) later) ELSE '{}' END,
            'rolled_back_at', p.rolled_back_at, 'rolled_back_by', p.rolled_back_by, 'rollback_reason', p.rollback_reason)
            ORDER BY p.publish_id DESC), '[]')
        FROM (
            SELECT * FROM refresh.refresh_publish p
            WHERE p.table_schema = r.table_schema AND p.table_name = r.table_name
            ORDER BY p.publish_id DESC OFFSET :offset LIMIT :limit
        ) p)
)::text AS document
FROM refresh.refresh_table_registry r
WHERE r.table_schema = :schema AND r.table_name = :name
