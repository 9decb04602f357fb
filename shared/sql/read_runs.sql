-- Runs, newest first, with how many of their tables ended how. The innermost query runs over an index alone, so that skipped pages
-- cost next to nothing.
SELECT coalesce(json_agg(listed ORDER BY listed.created_at DESC, listed.run_id), '[]')::text AS document
FROM (
    SELECT page.*, refresh.duration_ms(page.created_at, coalesce(page.finished_at, now())) AS duration_ms,
        coalesce(tasks.by_status, '{}') AS tables_by_status, coalesce(tasks.bytes_billed, 0) AS bytes_billed
    FROM (
        SELECT n.run_id, n.trigger, n.requested_by, n.status, n.replay_of, n.snapshot_at, n.created_at, n.finished_at
        FROM (
            SELECT r.run_id FROM refresh.refresh_run r
            WHERE (CAST(:status AS text) IS NULL OR r.status = :status)
            ORDER BY r.created_at DESC, r.run_id
            OFFSET :offset LIMIT :limit
        ) listed
        JOIN refresh.refresh_run n USING (run_id)
    ) page
    LEFT JOIN LATERAL (
        SELECT json_object_agg(s.status, s.tasks) AS by_status, sum(s.bytes_billed) AS bytes_billed
        FROM (
            SELECT t.status, count(*) AS tasks, sum(t.bytes_billed) AS bytes_billed
            FROM refresh.refresh_task t WHERE t.run_id = page.run_id GROUP BY t.status
        ) s
    ) tasks ON true
) listed
