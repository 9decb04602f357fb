-- Where a deep page begins: the oldest midnight (UTC) that no more than :offset ended tasks of the span, newest first, lie after,
-- and how many these are. Whole days are skipped by their figures; what is newer than they are is counted one by one.
WITH newest AS (
    SELECT count(*) AS tasks
    FROM refresh.refresh_task t
    WHERE t.finished_at >= :covered_until
        AND (CAST(:status AS text) IS NULL OR t.status = :status)
        AND (CAST(:from AS timestamptz) IS NULL OR t.finished_at >= :from)
        AND (CAST(:to AS timestamptz) IS NULL OR t.finished_at < :to)
), passed AS (
    SELECT CAST(:covered_until AS timestamptz) AS midnight, n.tasks FROM newest n
    UNION ALL
    SELECT d.day::timestamp AT TIME ZONE 'UTC', n.tasks + sum(ended.tasks) OVER (ORDER BY d.day DESC)
    FROM newest n
    CROSS JOIN refresh.refresh_day d
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(s.tasks::bigint), 0) AS tasks
        FROM (SELECT * FROM jsonb_each_text(d.by_status) UNION ALL SELECT * FROM jsonb_each_text(d.by_status_not_live)) AS s (status, tasks)
        WHERE CAST(:status AS text) IS NULL OR s.status = :status
    ) ended
    WHERE d.day >= (CAST(:covered_from AS timestamptz) AT TIME ZONE 'UTC')::date
        AND d.day < (CAST(:covered_until AS timestamptz) AT TIME ZONE 'UTC')::date
)
SELECT p.midnight, p.tasks::bigint AS tasks FROM passed p WHERE p.tasks <= :offset ORDER BY p.midnight LIMIT 1
