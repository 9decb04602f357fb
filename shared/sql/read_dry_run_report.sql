-- What a run's dry runs and plans have found, table by table: what would be done to each scope that is not left alone (at
-- most :max_scopes of each, those with the most rows to write first).
SELECT json_build_object(
    'run_id', n.run_id, 'status', n.status, 'snapshot_at', n.snapshot_at, 'created_at', n.created_at, 'finished_at', n.finished_at,
    'complete', n.planned_at IS NOT NULL AND coalesce(tasks.open, 0) = 0,
    'cost', json_build_object('bytes_billed', coalesce(tasks.bytes_billed, 0),
        'usd', round(coalesce(tasks.bytes_billed, 0) / 1099511627776.0 * CAST(:usd_per_tib AS numeric), 6)),
    'tables', coalesce(tasks.listed, '[]')
)::text AS document
FROM refresh.refresh_run n
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE t.finished_at IS NULL) AS open, sum(t.bytes_billed) AS bytes_billed,
        json_agg(json_build_object(
            'table', t.table_schema || '.' || t.table_name, 'mode', t.mode, 'status', t.status, 'reason', t.reason,
            'error', left(t.error, 4000), 'due', r.next_refresh_at IS NULL OR r.next_refresh_at <= n.created_at,
            'next_refresh_at', r.next_refresh_at,
            'scopes_unchanged', t.slices_skipped, 'scopes_by_action', scopes.by_action, 'slices', t.slices_total,
            'rows_read', t.rows_read, 'rows_to_read', scopes.rows_to_read,
            'rows_inserted', t.details -> 'would_be' -> 'inserted', 'rows_updated', t.details -> 'would_be' -> 'updated',
            'rows_deleted', t.details -> 'would_be' -> 'deleted', 'rows_unchanged', t.details -> 'would_be' -> 'unchanged',
            'rows_refused', t.details -> 'would_be' -> 'refused',
            'rows_quarantined', t.rows_quarantined, 'quarantined', coalesce(t.details -> 'quarantined', '[]'),
            'bytes_billed', t.bytes_billed, 'usd', round(t.bytes_billed / 1099511627776.0 * CAST(:usd_per_tib AS numeric), 6),
            'bytes_estimated', t.details -> 'bytes_estimated',
            'usd_estimated', round((t.details ->> 'bytes_estimated')::numeric / 1099511627776.0 * CAST(:usd_per_tib AS numeric), 6),
            'columns', columns.rows, 'scopes', coalesce(listed.scopes, '[]')
        ) ORDER BY t.priority, t.table_schema, t.table_name) AS listed
    FROM refresh.refresh_task t
    JOIN refresh.refresh_table_registry r USING (table_schema, table_name)
    CROSS JOIN LATERAL (
        SELECT coalesce(json_object_agg(action, scopes), '{}') AS by_action, coalesce(sum(rows_to_read), 0) AS rows_to_read
        FROM (
            SELECT d.action, count(*) AS scopes, sum(d.rows) FILTER (WHERE d.action = 'changed') AS rows_to_read
            FROM refresh.refresh_diff d
            WHERE d.run_id = t.run_id AND d.table_schema = t.table_schema AND d.table_name = t.table_name
            GROUP BY d.action) a
    ) scopes
    CROSS JOIN LATERAL (
        SELECT coalesce(json_object_agg(name, rows ORDER BY name), '{}') AS rows
        FROM (
            SELECT c.key AS name, sum(c.value::bigint) AS rows
            FROM refresh.refresh_diff d CROSS JOIN LATERAL jsonb_each_text(d.columns) c
            WHERE d.run_id = t.run_id AND d.table_schema = t.table_schema AND d.table_name = t.table_name
            GROUP BY c.key) summed
    ) columns
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object('scope', d.scope, 'action', d.action, 'slice_no', d.slice_no, 'rows', d.rows,
                'rows_published', d.rows_published, 'rows_inserted', d.rows_inserted, 'rows_updated', d.rows_updated,
                'rows_deleted', d.rows_deleted, 'columns', d.columns, 'samples', d.samples) ORDER BY d.scope NULLS FIRST) AS scopes
        FROM (
            SELECT * FROM refresh.refresh_diff d
            WHERE d.run_id = t.run_id AND d.table_schema = t.table_schema AND d.table_name = t.table_name
            ORDER BY d.rows_inserted + d.rows_updated + d.rows_deleted DESC NULLS LAST, d.rows DESC, d.scope NULLS FIRST
            LIMIT :max_scopes
        ) d
    ) listed ON true
    WHERE t.run_id = n.run_id AND t.mode IN ('dry_run', 'plan')
) tasks
WHERE n.run_id = :run_id AND (n.planned_at IS NULL OR tasks.listed IS NOT NULL)
