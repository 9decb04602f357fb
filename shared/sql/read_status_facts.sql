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
    'not_equal', (
        SELECT coalesce(json_agg(json_build_object('table', v.table_schema || '.' || v.table_name, 'run_id', v.run_id,
            'finished_at', v.finished_at, 'error', v.error) ORDER BY v.table_schema, v.table_name), '[]')
        FROM refresh.refresh_table_registry r
        CROSS JOIN LATERAL (
            SELECT t.table_schema, t.table_name, t.run_id, t.finished_at, t.error, t.status FROM refresh.refresh_task t
            WHERE t.table_schema = r.table_schema AND t.table_name = r.table_name
                AND t.mode = 'verify' AND t.status IN ('success', 'warning')
            ORDER BY t.finished_at DESC LIMIT 1) v
        WHERE r.mode = 'live' AND v.status = 'warning'),
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
