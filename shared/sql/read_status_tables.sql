-- Every table, or one, as it stands: what it does now, how its last refresh (of its own mode) ended, how old its data is. An interval is how often the
-- table can be refreshed at best: its frequency in whole triggers; it is stale an hour after one has passed. A backfill refreshes nothing, so
-- how it ended says nothing of the table. `outline` is a list for each of the columns that tables are counted, chosen, ordered and
-- listed by. `written` has a line for each table as it is answered, of all, none, or those that there can be an alert about or are being refreshed.
WITH undone AS MATERIALIZED ( -- once, and not for each table
    SELECT table_schema, table_name, (array_agg(p.scanned_snapshot_before ORDER BY p.publish_id))[1] AS data_as_of,
        (array_agg(json_build_object('run_id', p.run_id, 'at', refresh.rfc3339(p.rolled_back_at), 'by', p.rolled_back_by,
            'reason', p.rollback_reason) ORDER BY p.publish_id DESC))[1] AS rolled_back
    FROM (
        SELECT s.table_schema, s.table_name, min(s.refused_at) AS since
        FROM refresh.refresh_partition_state s
        WHERE s.refused_at IS NOT NULL
        GROUP BY s.table_schema, s.table_name
    ) refused
    JOIN refresh.refresh_publish p USING (table_schema, table_name)
    WHERE p.rolled_back_at >= refused.since
    GROUP BY table_schema, table_name
)
SELECT json_build_object(
        'table', coalesce(array_agg("table"), '{}'), 'handler', coalesce(array_agg(handler), '{}'), 'mode', coalesce(array_agg(mode), '{}'),
        'status', coalesce(array_agg(status), '{}'), 'last_status', coalesce(array_agg(last_status), '{}'),
        'last_reason', coalesce(array_agg(last_reason), '{}'), 'is_stale', coalesce(array_agg(is_stale), '{}'),
        'is_missing', coalesce(array_agg(is_missing), '{}'), 'is_notable', coalesce(array_agg(is_notable), '{}'),
        'is_busy', coalesce(array_agg(progress IS NOT NULL), '{}'), 'freshness_score', coalesce(array_agg(freshness_score), '{}'),
        'last_refresh', coalesce(array_agg(last_refresh), '{}'), 'next_refresh', coalesce(array_agg(next_refresh), '{}'),
        'data_as_of', coalesce(array_agg(data_as_of), '{}'), 'last_data_period', coalesce(array_agg(last_data_period), '{}'),
        'last_run_id', coalesce(array_agg(last_run_id), '{}'), 'last_finished_at', coalesce(array_agg(last_finished_at), '{}'))::text AS outline,
    string_agg(row_to_json(listed)::text, E'\n') FILTER (WHERE :written = 'all' OR :written = 'notable' AND is_notable) AS written
FROM (
    SELECT r.table_schema || '.' || r.table_name AS "table", r.handler, r.mode, r.priority, r.frequency_hours, age.interval_hours,
        CASE WHEN open.status IS NOT NULL THEN open.status
            WHEN r.mode = 'disabled' THEN 'disabled'
            ELSE coalesce(latest.status, 'never_refreshed') END AS status,
        r.mode = 'live' AND coalesce(good.data_as_of, r.created_at)
            < now() - make_interval(hours => age.interval_hours + 1) AS is_stale,
        CASE WHEN good.data_as_of IS NULL THEN 0 ELSE round(1000 * least(1, greatest(0,
            2 - date_part('epoch', now() - good.data_as_of) / 3600 / age.interval_hours))) / 1000 END AS freshness_score,
        refresh.rfc3339(coalesce(r.last_refreshed_at, view.last_refreshed_at)) AS last_refresh,
        CASE WHEN r.mode <> 'disabled' THEN refresh.rfc3339(r.next_refresh_at) END AS next_refresh,
        refresh.rfc3339(good.data_as_of) AS data_as_of, r.last_data_period,
        latest.status AS last_status, latest.reason AS last_reason, latest.run_id AS last_run_id,
        refresh.rfc3339(latest.finished_at) AS last_finished_at,
        CASE WHEN latest.status NOT IN ('success', 'no_new_data') THEN left(coalesce(latest.error, latest.reason), 1000) END
            AS recent_error,
        coalesce(quarantined.rows, 0) AS rows_in_quarantine, existing.relname IS NULL AS is_missing,
        hold.document AS hold, undone.rolled_back, open.progress
    FROM refresh.refresh_table_registry r
    CROSS JOIN LATERAL (SELECT refresh.interval_hours(r.frequency_hours, :trigger_hours) AS interval_hours) age
    LEFT JOIN refresh.materialized_view_refresh_status view USING (table_schema, table_name)
    LEFT JOIN (
        SELECT s.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')
    ) existing ON existing.nspname = r.table_schema AND existing.relname = r.table_name
    LEFT JOIN (
        SELECT p.table_schema, p.table_name, sum(p.rows_quarantined) AS rows
        FROM refresh.refresh_partition_state p WHERE p.rows_quarantined > 0 GROUP BY p.table_schema, p.table_name
    ) quarantined USING (table_schema, table_name)
    LEFT JOIN (
        SELECT DISTINCT ON (l.table_schema, l.table_name, l.mode) l.table_schema AS of_schema, l.table_name AS of_name, l.mode AS of_mode,
            l.run_id, l.status, l.reason, l.error, l.finished_at, l.held_checks, l.held_scopes
        FROM refresh.refresh_last_task l
        WHERE l.mode IN ('live', 'shadow', 'dry_run')
        ORDER BY l.table_schema, l.table_name, l.mode, l.finished_at DESC
    ) latest ON (of_schema, of_name, of_mode) = (r.table_schema, r.table_name, coalesce(nullif(r.mode, 'disabled'), 'live'))
    LEFT JOIN undone USING (table_schema, table_name)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN undone.rolled_back IS NOT NULL THEN undone.data_as_of ELSE coalesce(r.scanned_snapshot_at, (
            SELECT coalesce(n.snapshot_at, t.finished_at)
            FROM refresh.refresh_task t
            JOIN refresh.refresh_run n USING (run_id)
            WHERE t.table_schema = r.table_schema AND t.table_name = r.table_name AND t.mode = 'live'
                AND t.status IN ('success', 'no_new_data', 'warning')
            ORDER BY t.finished_at DESC
            LIMIT 1)) END AS data_as_of
    ) good
    LEFT JOIN (
        SELECT DISTINCT ON (t.table_schema, t.table_name) t.table_schema, t.table_name, t.status,
            json_build_object('run_id', t.run_id, 'phase', t.phase, 'attempt', t.attempt, 'started_at', refresh.rfc3339(t.started_at),
                'waiting_for', CASE WHEN t.not_before > now() THEN t.reason END,
                'slices_total', t.slices_total, 'slices_done', t.slices_total - t.slices_open,
                'rows_total', slices.rows_total, 'rows_done', slices.rows_done,
                'rows_per_second', round(slices.rows_done / slices.seconds, 1),
                'seconds_left', CASE WHEN slices.rows_done > 0
                    THEN ceil((slices.rows_total - slices.rows_done) * slices.seconds / slices.rows_done) END) AS progress
        FROM refresh.refresh_run n
        JOIN refresh.refresh_task t USING (run_id)
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(c.rows_expected), 0) AS rows_total, coalesce(sum(c.rows_received), 0) AS rows_done,
                greatest(extract(epoch FROM coalesce(max(c.finished_at) FILTER (WHERE t.slices_open = 0), now())
                    - min(c.started_at)), 0.001) AS seconds
            FROM refresh.refresh_checkpoint c
            WHERE c.run_id = t.run_id AND c.table_schema = t.table_schema AND c.table_name = t.table_name
        ) slices
        WHERE n.status = 'running' AND t.mode IN ('live', 'shadow') AND t.status IN ('queued', 'running')
        ORDER BY t.table_schema, t.table_name, t.status DESC, t.created_at
    ) open USING (table_schema, table_name)
    LEFT JOIN refresh.refresh_refusal f ON (f.run_id, f.table_schema, f.table_name) = (latest.run_id, r.table_schema, r.table_name)
    LEFT JOIN LATERAL (
        SELECT held AS document
        FROM (
            SELECT latest.run_id, latest.held_scopes AS scopes, latest.held_checks AS checks, f.refused_by,
                refresh.rfc3339(f.refused_at) AS refused_at,
                f.reason AS refused_because
        ) held
        WHERE latest.held_scopes > 0 AND latest.held_checks IS NOT NULL AND r.mode = 'live'
            AND (latest.finished_at > now() - interval '1 day' OR EXISTS ( -- cleanup removes what is a day old at the earliest
                SELECT FROM refresh.refresh_task_scope s
                WHERE s.run_id = latest.run_id AND s.table_schema = r.table_schema AND s.table_name = r.table_name))
    ) hold ON true
    WHERE CAST(:schema AS text) IS NULL OR (r.table_schema = :schema AND r.table_name = :name)
    ORDER BY 1
) listed
CROSS JOIN LATERAL (
    SELECT progress IS NOT NULL OR mode <> 'live' OR is_stale OR is_missing OR rows_in_quarantine > 0
        OR last_status IS NULL OR last_status NOT IN ('success', 'no_new_data') AS is_notable
) notable
