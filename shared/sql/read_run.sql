-- A run with its tables, their slices (at most :max_slices of each) and what it cost.
SELECT json_build_object(
    'run_id', n.run_id, 'trigger', n.trigger, 'requested_by', n.requested_by, 'request', n.request, 'status', n.status,
    'replay_of', n.replay_of, 'replayed_by', (
        SELECT coalesce(json_agg(later.run_id ORDER BY later.created_at), '[]')
        FROM refresh.refresh_run later WHERE later.replay_of = n.run_id),
    'scheduled_for', n.scheduled_for, 'snapshot_at', n.snapshot_at, 'created_at', n.created_at, 'planned_at', n.planned_at,
    'finished_at', n.finished_at, 'duration_ms', refresh.duration_ms(n.created_at, coalesce(n.finished_at, now())),
    'cost', json_build_object('bytes_billed', coalesce(tasks.bytes_billed, 0),
        'usd', round(coalesce(tasks.bytes_billed, 0) / 1099511627776.0 * CAST(:usd_per_tib AS numeric), 6)),
    'tables', coalesce(tasks.listed, '[]')
)::text AS document
FROM refresh.refresh_run n
CROSS JOIN LATERAL (
    SELECT sum(t.bytes_billed) AS bytes_billed,
        json_agg(json_build_object(
            'table', t.table_schema || '.' || t.table_name, 'handler', t.handler, 'mode', t.mode, 'status', t.status, 'phase', t.phase,
            'publish_group', t.publish_group, 'waits_for', to_json(waiting.tables),
            'waits_since', CASE WHEN waiting.tables IS NOT NULL THEN refresh.waits_since(t) END,
            'reason', t.reason, 'error', left(t.error, 4000), 'attempt', t.attempt, 'force', t.force, 'created_at', t.created_at,
            'started_at', t.started_at, 'finished_at', t.finished_at,
            'duration_ms', refresh.duration_ms(t.started_at, coalesce(t.finished_at, now())),
            'not_before', CASE WHEN t.finished_at IS NULL AND t.not_before > now() THEN t.not_before END,
            'slices_total', t.slices_total, 'slices_done', t.slices_total - t.slices_open, 'scopes_unchanged', t.slices_skipped,
            'rows_read', t.rows_read, 'rows_staged', t.rows_staged, 'rows_inserted', t.rows_inserted,
            'rows_updated', t.rows_updated, 'rows_deleted', t.rows_deleted, 'rows_unchanged', t.rows_unchanged,
            'rows_quarantined', t.rows_quarantined, 'rows_superseded', t.rows_superseded, 'rows_merged', t.rows_merged,
            'bytes_billed', t.bytes_billed,
            'usd', round(t.bytes_billed / 1099511627776.0 * CAST(:usd_per_tib AS numeric), 6),
            'rolled_back', CASE WHEN p.rolled_back_at IS NOT NULL THEN json_build_object('run_id', p.run_id, 'at', p.rolled_back_at,
                'by', p.rolled_back_by, 'reason', p.rollback_reason) END,
            'bigquery_job_id', t.bigquery_job_id, 'details', t.details, 'slices', coalesce(slices.listed, '[]')
        ) ORDER BY t.priority, t.table_schema, t.table_name) AS listed
    FROM refresh.refresh_task t
    CROSS JOIN LATERAL (
        SELECT CASE WHEN t.status IN ('queued', 'running') AND (t.status = 'queued' OR t.phase = 'staged')
            THEN refresh.waits_for(t) END AS tables
    ) waiting
    LEFT JOIN refresh.refresh_publish p USING (run_id, table_schema, table_name)
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object(
                'slice_no', c.slice_no, 'status', c.status, 'scopes', cardinality(c.scope_values),
                'scope_from', c.scope_values[1], 'scope_to', c.scope_values[cardinality(c.scope_values)],
                'attempt', c.attempt, 'generation', c.generation, 'job_id', c.job_id, 'rows_expected', c.rows_expected,
                'rows_received', c.rows_received, 'rows_staged', c.rows_staged, 'rows_quarantined', c.rows_quarantined,
                'bytes_billed', c.bytes_billed, 'started_at', c.started_at, 'finished_at', c.finished_at
            ) ORDER BY c.slice_no) AS listed
        FROM (
            SELECT * FROM refresh.refresh_checkpoint c
            WHERE c.run_id = t.run_id AND c.table_schema = t.table_schema AND c.table_name = t.table_name
            ORDER BY c.slice_no
            LIMIT :max_slices
        ) c
    ) slices ON true
    WHERE t.run_id = n.run_id
) tasks
WHERE n.run_id = :run_id
