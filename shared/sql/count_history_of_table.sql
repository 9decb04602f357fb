-- Ended tasks of one table by status.
SELECT coalesce(json_object_agg(status, tasks), '{}')::text AS document
FROM (
    SELECT status, count(*) AS tasks
    FROM refresh.refresh_task
    WHERE table_schema = :schema AND table_name = :name AND finished_at IS NOT NULL
        AND (CAST(:from AS timestamptz) IS NULL OR finished_at >= :from)
        AND (CAST(:to AS timestamptz) IS NULL OR finished_at < :to)
    GROUP BY status
) counted
