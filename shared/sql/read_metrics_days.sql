-- Figures by day (UTC) and over all of them, of all tables: days that are over from their figures, the rest one by one.
WITH span AS MATERIALIZED (SELECT * FROM refresh.roll_up_days(:since)
), open_tasks AS MATERIALIZED (
    SELECT (t.finished_at AT TIME ZONE 'UTC')::date AS day, t.status, t.rows_read, t.rows_inserted, t.rows_updated,
        t.rows_deleted, t.rows_quarantined, t.bytes_billed, refresh.duration_ms(t.started_at, t.finished_at) AS duration_ms
    FROM refresh.refresh_task t
    WHERE t.finished_at >= (SELECT greatest(covered_from, covered_until) FROM span) AND t.finished_at >= :since
), days AS MATERIALIZED (
    SELECT d.* FROM refresh.refresh_day d
    JOIN span ON d.day >= (covered_from AT TIME ZONE 'UTC')::date AND d.day < (covered_until AT TIME ZONE 'UTC')::date
    UNION ALL
    SELECT o.day, (
            SELECT jsonb_object_agg(s.status, s.tasks)
            FROM (SELECT i.status, count(*) AS tasks FROM open_tasks i WHERE i.day = o.day GROUP BY i.status) s),
        sum(o.rows_read), sum(o.rows_inserted), sum(o.rows_updated), sum(o.rows_deleted), sum(o.rows_quarantined),
        sum(o.bytes_billed),
        coalesce(array_agg(o.duration_ms ORDER BY o.duration_ms) FILTER (WHERE o.duration_ms IS NOT NULL), '{}')
    FROM open_tasks o
    GROUP BY o.day
), figures AS (
    SELECT d.day, d.by_status, d.rows_read, d.rows_inserted, d.rows_updated, d.rows_deleted, d.rows_quarantined,
        d.bytes_billed, cardinality(d.durations_ms) AS durations,
        d.durations_ms[ceil(cardinality(d.durations_ms) * 0.50)::integer] AS p50_ms,
        d.durations_ms[ceil(cardinality(d.durations_ms) * 0.95)::integer] AS p95_ms
    FROM days d
)
SELECT json_build_object(
    'days', (SELECT coalesce(json_agg(f ORDER BY f.day), '[]') FROM figures f WHERE f.by_status <> '{}'),
    'percentiles', (
        SELECT json_build_object('p50_ms', p[1], 'p95_ms', p[2])
        FROM (SELECT percentile_disc(ARRAY[0.50, 0.95]) WITHIN GROUP (ORDER BY ms) AS p
            FROM days d CROSS JOIN LATERAL unnest(d.durations_ms) AS ms) all_days)
)::text AS document
