-- Ended tasks by status, of all tables: whole days (UTC) from their figures, what is before and after them one by one.
WITH counted AS (
    SELECT s.status, s.tasks::bigint AS tasks
    FROM refresh.refresh_day d
    CROSS JOIN LATERAL (SELECT * FROM jsonb_each_text(d.by_status) UNION ALL SELECT * FROM jsonb_each_text(d.by_status_not_live))
        AS s (status, tasks)
    WHERE d.day >= (CAST(:covered_from AS timestamptz) AT TIME ZONE 'UTC')::date
        AND d.day < (CAST(:covered_until AS timestamptz) AT TIME ZONE 'UTC')::date
    UNION ALL
    SELECT t.status, count(*)
    FROM refresh.refresh_task t
    WHERE t.finished_at < :covered_from
        AND (CAST(:from AS timestamptz) IS NULL OR t.finished_at >= :from)
        AND (CAST(:to AS timestamptz) IS NULL OR t.finished_at < :to)
    GROUP BY t.status
    UNION ALL
    SELECT t.status, count(*)
    FROM refresh.refresh_task t
    WHERE t.finished_at >= :covered_until
        AND (CAST(:from AS timestamptz) IS NULL OR t.finished_at >= :from)
        AND (CAST(:to AS timestamptz) IS NULL OR t.finished_at < :to)
    GROUP BY t.status
)
SELECT coalesce(json_object_agg(status, tasks), '{}')::text AS document
FROM (SELECT status, sum(tasks) AS tasks FROM counted GROUP BY status) summed
