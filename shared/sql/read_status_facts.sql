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
    'registered_at', (SELECT min(r.created_at) FROM refresh.refresh_table_registry r WHERE r.mode = 'live'),
    'daily_due_at', CAST(:daily_due_at AS timestamptz),
    'daily_came', EXISTS (SELECT FROM refresh.refresh_run n WHERE n.idempotency_key = :daily_key),
    'late_reports', (
        SELECT coalesce(json_agg(late ORDER BY late."table"), '[]')
        FROM (
            SELECT l."table", count(*) AS reports, min(l.since) AS since, array_agg(l.report ORDER BY l.place) FILTER (WHERE l.place <= 3) AS named
            FROM (
                SELECT r.*, row_number() OVER (PARTITION BY r."table" ORDER BY r.since, r.report) AS place FROM refresh.late_reports() r
            ) l
            GROUP BY l."table"
        ) late),
    'inputs_not_refreshed', (
        SELECT coalesce(json_object_agg(input."table", input.dependents), '{}')
        FROM (
            SELECT i.table_schema || '.' || i.table_name AS "table",
                array_agg(d.table_schema || '.' || d.table_name ORDER BY d.table_schema, d.table_name) AS dependents
            FROM refresh.refresh_table_registry i
            JOIN refresh.refresh_dependency d ON (d.depends_on_schema, d.depends_on_name) = (i.table_schema, i.table_name)
            JOIN refresh.refresh_table_registry r ON (r.table_schema, r.table_name) = (d.table_schema, d.table_name)
            WHERE i.mode <> 'live' AND r.mode = 'live'
            GROUP BY i.table_schema, i.table_name
        ) input),
    'backfills_ended_badly', (
        SELECT coalesce(json_agg(b ORDER BY b."table"), '[]')
        FROM (
            SELECT DISTINCT ON (b.table_schema, b.table_name) b.table_schema || '.' || b.table_name AS "table", b.status,
                b.scope_from, b.scope_to, b.reason, b.error, b.finished_at
            FROM refresh.refresh_backfill b
            ORDER BY b.table_schema, b.table_name, b.created_at DESC
        ) b
        WHERE b.status IN ('failed', 'held')),
    'webhooks_failing', (
        SELECT coalesce(json_agg(json_build_object('url', e.url, 'since', coalesce(e.failing_since, e.updated_at)) ORDER BY e.url), '[]')
        FROM refresh.webhook_endpoint e
        WHERE (e.state = 'disabled' AND e.disabled_reason IS DISTINCT FROM :disabled_by_hand)
            OR (e.state = 'enabled' AND e.failing_since < now() - interval '1 hour')),
    'verifications', (
        SELECT coalesce(json_agg(json_build_object('table', v.table_schema || '.' || v.table_name, 'run_id', v.run_id,
            'finished_at', v.finished_at, 'error', coalesce(v.error, v.reason), 'status', v.status) ORDER BY v.table_schema, v.table_name), '[]')
        FROM refresh.refresh_table_registry r
        JOIN refresh.refresh_task v USING (table_schema, table_name)
        WHERE r.mode = 'live' AND v.mode = 'verify' AND v.status IN ('warning', 'failed') AND NOT EXISTS (
            SELECT FROM refresh.refresh_task later
            WHERE later.table_schema = v.table_schema AND later.table_name = v.table_name AND later.mode = 'verify'
                AND later.status IN ('success', 'warning', 'failed') AND later.finished_at > v.finished_at)),
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
