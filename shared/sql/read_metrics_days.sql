-- Figures of live refreshes (bytes of all) by day (UTC) and over all of them, of all tables: days that are over from their figures, the rest one by one. Over
-- several days the percentiles are put together from each day's quantiles, each of which stands for as many tasks.
WITH open_tasks AS MATERIALIZED (
    SELECT (t.finished_at AT TIME ZONE 'UTC')::date AS day, t.mode = 'live' AS live, t.status, t.rows_read, t.rows_inserted, t.rows_updated,
        t.rows_deleted, t.rows_quarantined, t.bytes_billed,
        CASE WHEN t.mode = 'live' THEN refresh.duration_ms(t.started_at, t.finished_at) END AS duration_ms
    FROM refresh.refresh_task t
    WHERE t.finished_at >= greatest(:since, CAST(:covered_until AS timestamptz))
), days AS MATERIALIZED (
    SELECT d.day, d.by_status, d.rows_read, d.rows_inserted, d.rows_updated, d.rows_deleted, d.rows_quarantined,
        d.bytes_billed, d.durations, d.p50_ms, d.p95_ms, d.quantiles_ms
    FROM refresh.refresh_day d
    WHERE d.day >= (CAST(:covered_from AS timestamptz) AT TIME ZONE 'UTC')::date
        AND d.day < (CAST(:covered_until AS timestamptz) AT TIME ZONE 'UTC')::date
    UNION ALL
    SELECT o.day, (
            SELECT coalesce(jsonb_object_agg(s.status, s.tasks), '{}')
            FROM (SELECT i.status, count(*) AS tasks FROM open_tasks i WHERE i.day = o.day AND i.live GROUP BY i.status) s),
        coalesce(sum(o.rows_read) FILTER (WHERE o.live), 0), coalesce(sum(o.rows_inserted) FILTER (WHERE o.live), 0),
        coalesce(sum(o.rows_updated) FILTER (WHERE o.live), 0), coalesce(sum(o.rows_deleted) FILTER (WHERE o.live), 0),
        coalesce(sum(o.rows_quarantined) FILTER (WHERE o.live), 0),
        sum(o.bytes_billed), count(o.duration_ms),
        percentile_disc(0.50) WITHIN GROUP (ORDER BY o.duration_ms), percentile_disc(0.95) WITHIN GROUP (ORDER BY o.duration_ms),
        refresh.quantiles(coalesce(array_agg(o.duration_ms ORDER BY o.duration_ms) FILTER (WHERE o.duration_ms IS NOT NULL), '{}'))
    FROM open_tasks o
    GROUP BY o.day
), weighed AS (
    SELECT ms, sum(d.durations::float8 / cardinality(d.quantiles_ms)) AS tasks
    FROM days d CROSS JOIN LATERAL unnest(d.quantiles_ms) AS ms
    GROUP BY ms
), running AS (
    SELECT ms, sum(tasks) OVER (ORDER BY ms) AS tasks, sum(tasks) OVER () AS total FROM weighed
)
SELECT json_build_object(
    'days', (SELECT coalesce(json_agg(f ORDER BY f.day), '[]') FROM (
        SELECT d.day, d.by_status, d.rows_read, d.rows_inserted, d.rows_updated, d.rows_deleted, d.rows_quarantined,
            d.bytes_billed, d.p50_ms, d.p95_ms
        FROM days d WHERE d.by_status <> '{}' OR d.bytes_billed > 0) f),
    'percentiles', (SELECT json_build_object(
        'p50_ms', min(ms) FILTER (WHERE tasks >= total * 0.50 - 1e-6),
        'p95_ms', min(ms) FILTER (WHERE tasks >= total * 0.95 - 1e-6)) FROM running)
)::text AS document
