-- Runs, newest first, with how many of their tables ended how.
SELECT coalesce(json_agg(listed ORDER BY listed.created_at DESC, listed.run_id), '[]')::text AS document
FROM (
    SELECT page.*, refresh.duration_ms(page.created_at, coalesce(page.finished_at, now())) AS duration_ms,
        coalesce(tasks.by_status, '{}') AS tables_by_status, coalesce(tasks.bytes_billed, 0) AS bytes_billed
    FROM (
        SELECT n.run_id, n.trigger, n.requested_by, n.status, n.replay_of, n.snapshot_at, n.created_at, n.finished_at
        FROM refresh.refresh_run n
        WHERE (CAST(:status AS text) IS NULL OR n.status = :status)
        ORDER BY n.created_at DESC, n.run_id
        OFFSET :offset LIMIT :limit
    ) page
    LEFT JOIN LATERAL (
        SELECT json_object_agg(s.status, s.tasks) AS by_status, sum(s.bytes_billed) AS bytes_billed
        FROM (
            SELECT t.status, count(*) AS tasks, sum(t.bytes_billed) AS bytes_billed
            FROM refresh.refresh_task t WHERE t.run_id = page.run_id GROUP BY t.status
        ) s
    ) tasks ON true
) listed
