-- What the overview needs beside the tables: the last day's figures, and whether the machinery itself is well.
SELECT json_build_object(
    'now', now(),
    'last_day', (
        SELECT json_build_object('tasks', count(*) FILTER (WHERE t.mode = 'live'),
            'failed', count(*) FILTER (WHERE t.status = 'failed' AND t.mode = 'live'),
            'rows_changed', coalesce(sum(t.rows_inserted + t.rows_updated + t.rows_deleted) FILTER (WHERE t.mode = 'live'), 0),
            'rows_read', coalesce(sum(t.rows_read) FILTER (WHERE t.mode = 'live'), 0),
            'rows_quarantined', coalesce(sum(t.rows_quarantined) FILTER (WHERE t.mode = 'live'), 0),
            'bytes_billed', coalesce(sum(t.bytes_billed), 0))
        FROM refresh.refresh_task t WHERE t.finished_at >= now() - interval '1 day'),
    'runs_open', (SELECT count(*) FROM refresh.refresh_run n WHERE n.status = 'running'),
    'swept_at', (SELECT h.beaten_at FROM refresh.refresh_heartbeat h WHERE h.name = 'sweep'),
    'messages_owed', owed.messages, 'owed_since', owed.since,
    'dead_letters', (
        SELECT count(*) FROM refresh.refresh_dead_letter d
        WHERE d.received_at >= now() - interval '7 days' AND d.replayed_at IS NULL),
    'recent_activity', (
        SELECT coalesce(json_agg(a), '[]')
        FROM (
            SELECT t.run_id, t.table_schema || '.' || t.table_name AS "table", t.mode, t.status, t.reason, t.finished_at,
                refresh.duration_ms(t.started_at, t.finished_at) AS duration_ms,
                t.rows_inserted, t.rows_updated, t.rows_deleted
            FROM refresh.refresh_task t
            WHERE t.finished_at IS NOT NULL
            ORDER BY t.finished_at DESC, t.run_id, t.table_schema, t.table_name
            LIMIT 20
        ) a)
)::text AS document
FROM (
    SELECT count(*) AS messages, min(created_at) AS since FROM refresh.refresh_outbox WHERE published_at IS NULL
) owed
