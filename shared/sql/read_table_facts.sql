-- What a table's page shows beside its history: what each check found the last time, what
-- depends on it, what of its last refresh lies in quarantine, and what it waits for now.
SELECT json_build_object(
    'checks', (
        SELECT coalesce(json_agg(checked ORDER BY checked.failed DESC, checked.metric), '[]')
        FROM (
            SELECT c.metric, count(*) AS scopes, count(*) FILTER (WHERE NOT c.passed) AS failed,
                coalesce(bool_or(c.outcome = 'hold') FILTER (WHERE NOT c.passed), false) AS holds,
                max(c.checked_at) AS checked_at,
                jsonb_path_query_array(jsonb_agg(
                    jsonb_build_object('scope', c.scope, 'value', c.value, 'threshold', c.threshold)
                    ORDER BY c.scope DESC) FILTER (WHERE NOT c.passed), '$[0 to 4]') AS worst
            FROM (
                SELECT q.*, first_value(q.run_id) OVER (PARTITION BY q.metric ORDER BY q.checked_at DESC) AS newest
                FROM (
                    SELECT * FROM refresh.refresh_data_quality i
                    WHERE i.table_schema = :schema AND i.table_name = :name
                    ORDER BY i.checked_at DESC
                    LIMIT 2000
                ) q
            ) c
            WHERE c.run_id IS NOT DISTINCT FROM c.newest
            GROUP BY c.metric
        ) checked),
    'waits', (
        SELECT json_build_object('run_id', t.run_id, 'publish_group', t.publish_group, 'phase', t.phase,
            'waits_for', refresh.waits_for(t), 'waits_since', refresh.waits_since(t))
        FROM refresh.refresh_task t
        WHERE t.table_schema = :schema AND t.table_name = :name AND t.status IN ('queued', 'running')
            AND refresh.waits_for(t) IS NOT NULL
        ORDER BY t.created_at
        LIMIT 1),
    'dependents', (
        SELECT coalesce(json_agg(json_build_object('table', d.table_schema || '.' || d.table_name, 'kind', d.kind)
            ORDER BY d.table_schema, d.table_name), '[]')
        FROM refresh.refresh_dependency d
        WHERE d.depends_on_schema = :schema AND d.depends_on_name = :name),
    'quarantined', (
        SELECT coalesce(json_agg(json_build_object('reason', q.reason, 'column', q.column_name, 'rows', q.rows)
            ORDER BY q.rows DESC), '[]')
        FROM (
            SELECT i.reason, i.column_name, count(*) AS rows
            FROM refresh.refresh_quarantine i
            WHERE i.table_schema = :schema AND i.table_name = :name AND i.resolved_at IS NULL AND i.run_id = (
                SELECT t.run_id FROM refresh.refresh_task t
                WHERE t.table_schema = :schema AND t.table_name = :name AND t.finished_at IS NOT NULL
                    AND t.mode IN ('live', 'shadow')
                ORDER BY t.finished_at DESC
                LIMIT 1)
            GROUP BY i.reason, i.column_name
        ) q)
)::text AS document
