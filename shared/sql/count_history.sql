-- Ended tasks by status, of all tables: whole days from their figures, what is before and after them one by one.
WITH span AS MATERIALIZED (
    SELECT covered_from, CASE WHEN CAST(:to AS timestamptz) IS NULL THEN covered_until
        ELSE least(covered_until, date_trunc('day', CAST(:to AS timestamptz), 'UTC')) END AS covered_until
    FROM refresh.roll_up_days(:from)
), counted AS (
    SELECT s.status, s.tasks::bigint AS tasks
    FROM span
    JOIN refresh.refresh_day d ON d.day >= (covered_from AT TIME ZONE 'UTC')::date
        AND d.day < (covered_until AT TIME ZONE 'UTC')::date
    CROSS JOIN LATERAL jsonb_each_text(d.by_status) AS s (status, tasks)
    UNION ALL
    SELECT t.status, count(*)
    FROM refresh.refresh_task t
    WHERE t.finished_at < (SELECT least(covered_from, greatest(covered_from, covered_until)) FROM span)
        AND (CAST(:from AS timestamptz) IS NULL OR t.finished_at >= :from)
        AND (CAST(:to AS timestamptz) IS NULL OR t.finished_at < :to)
    GROUP BY t.status
    UNION ALL
    SELECT t.status, count(*)
    FROM refresh.refresh_task t
    WHERE t.finished_at >= (SELECT greatest(covered_from, covered_until) FROM span)
        AND (CAST(:from AS timestamptz) IS NULL OR t.finished_at >= :from)
        AND (CAST(:to AS timestamptz) IS NULL OR t.finished_at < :to)
    GROUP BY t.status
)
SELECT coalesce(json_object_agg(status, tasks), '{}')::text AS document
FROM (SELECT status, sum(tasks) AS tasks FROM counted GROUP BY status) summed
