-- Figures of live refreshes (bytes of all) by table, a page of tables at a time.
SELECT coalesce(json_agg(listed ORDER BY listed."table"), '[]')::text AS document
FROM (
    SELECT page.table_schema || '.' || page.table_name AS "table", figures.*
    FROM (
        SELECT r.table_schema, r.table_name
        FROM refresh.refresh_table_registry r
        WHERE CAST(:schema AS text) IS NULL OR (r.table_schema = :schema AND r.table_name = :name)
        ORDER BY r.table_schema, r.table_name
        OFFSET :offset LIMIT :limit
    ) page
    CROSS JOIN LATERAL (
        SELECT json_build_object('success', count(*) FILTER (WHERE t.status = 'success' AND t.mode = 'live'),
                'no_new_data', count(*) FILTER (WHERE t.status = 'no_new_data' AND t.mode = 'live'),
                'warning', count(*) FILTER (WHERE t.status = 'warning' AND t.mode = 'live'), 'held', count(*) FILTER (WHERE t.status = 'held' AND t.mode = 'live'),
                'failed', count(*) FILTER (WHERE t.status = 'failed' AND t.mode = 'live'),
                'skipped', count(*) FILTER (WHERE t.status = 'skipped' AND t.mode = 'live')) AS by_status,
            coalesce(sum(t.rows_read) FILTER (WHERE t.mode = 'live'), 0) AS rows_read, coalesce(sum(t.rows_inserted) FILTER (WHERE t.mode = 'live'), 0) AS rows_inserted,
            coalesce(sum(t.rows_updated) FILTER (WHERE t.mode = 'live'), 0) AS rows_updated, coalesce(sum(t.rows_deleted) FILTER (WHERE t.mode = 'live'), 0) AS rows_deleted,
            coalesce(sum(t.rows_quarantined) FILTER (WHERE t.mode = 'live'), 0) AS rows_quarantined, coalesce(sum(t.bytes_billed), 0) AS bytes_billed,
            percentile_disc(0.50) WITHIN GROUP (ORDER BY refresh.duration_ms(t.started_at, t.finished_at)) FILTER (WHERE t.mode = 'live') AS p50_ms,
            percentile_disc(0.95) WITHIN GROUP (ORDER BY refresh.duration_ms(t.started_at, t.finished_at)) FILTER (WHERE t.mode = 'live') AS p95_ms
        FROM refresh.refresh_task t
        WHERE t.table_schema = page.table_schema AND t.table_name = page.table_name AND t.finished_at >= :since
    ) figures
) listed
