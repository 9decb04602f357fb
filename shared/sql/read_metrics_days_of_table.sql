-- Figures of live refreshes (bytes of all) by day (UTC) and over all of them, of one table.
WITH tasks AS MATERIALIZED (
    SELECT (t.finished_at AT TIME ZONE 'UTC')::date AS day, t.mode = 'live' AS live, t.status, t.rows_read, t.rows_inserted, t.rows_updated,
        t.rows_deleted, t.rows_quarantined, t.bytes_billed,
        CASE WHEN t.mode = 'live' THEN refresh.duration_ms(t.started_at, t.finished_at) END AS duration_ms
    FROM refresh.refresh_task t
    WHERE t.table_schema = :schema AND t.table_name = :name AND t.finished_at >= :since
), figures AS (
    SELECT o.day, (
            SELECT coalesce(jsonb_object_agg(s.status, s.tasks), '{}')
            FROM (SELECT i.status, count(*) AS tasks FROM tasks i WHERE i.day = o.day AND i.live GROUP BY i.status) s) AS by_status,
        coalesce(sum(o.rows_read) FILTER (WHERE o.live), 0) AS rows_read, coalesce(sum(o.rows_inserted) FILTER (WHERE o.live), 0) AS rows_inserted, coalesce(sum(o.rows_updated) FILTER (WHERE o.live), 0) AS rows_updated,
        coalesce(sum(o.rows_deleted) FILTER (WHERE o.live), 0) AS rows_deleted, coalesce(sum(o.rows_quarantined) FILTER (WHERE o.live), 0) AS rows_quarantined,
        sum(o.bytes_billed) AS bytes_billed,
        percentile_disc(0.50) WITHIN GROUP (ORDER BY o.duration_ms) AS p50_ms,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY o.duration_ms) AS p95_ms
    FROM tasks o
    GROUP BY o.day
)
SELECT json_build_object(
    'days', (SELECT coalesce(json_agg(f ORDER BY f.day), '[]') FROM figures f),
    'percentiles', (
        SELECT json_build_object('p50_ms', p[1], 'p95_ms', p[2])
        FROM (SELECT percentile_disc(ARRAY[0.50, 0.95]) WITHIN GROUP (ORDER BY duration_ms) AS p FROM tasks) all_days)
)::text AS document
