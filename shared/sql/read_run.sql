-- A run with its tables, their slices (at most :max_slices of each) and what it cost: what the API answers, letter by letter.
-- :only : the tables that are listed; NULL: all.
WITH slices AS (
    SELECT c.table_schema, c.table_name, json_agg(slice ORDER BY c.slice_no) AS listed
    FROM (
        SELECT *, row_number() OVER (PARTITION BY table_schema, table_name ORDER BY slice_no) AS place
        FROM refresh.refresh_checkpoint
        WHERE run_id = :run_id AND (CAST(:only AS text[]) IS NULL OR table_schema || '.' || table_name = ANY (CAST(:only AS text[])))
    ) c
    CROSS JOIN LATERAL (
        SELECT c.slice_no, c.status, cardinality(c.scope_values) AS scopes,
            c.scope_values[1] AS scope_from, c.scope_values[cardinality(c.scope_values)] AS scope_to,
            c.attempt, c.generation, c.job_id, c.rows_expected, c.rows_received, c.rows_staged, c.rows_quarantined, c.bytes_billed,
            refresh.rfc3339(c.started_at) AS started_at, refresh.rfc3339(c.finished_at) AS finished_at
    ) slice
    WHERE c.place <= :max_slices
    GROUP BY c.table_schema, c.table_name
), tables AS (
    SELECT t.table_schema || '.' || t.table_name AS "table", t.handler, t.mode, t.status, t.phase, t.publish_group,
        waiting.tables AS waits_for,
        CASE WHEN waiting.tables IS NOT NULL THEN refresh.rfc3339(refresh.waits_since(t)) END AS waits_since,
        t.reason, left(t.error, 4000) AS error, t.attempt, t.force, refresh.rfc3339(t.created_at) AS created_at,
        refresh.rfc3339(t.started_at) AS started_at, refresh.rfc3339(t.finished_at) AS finished_at,
        refresh.duration_ms(t.started_at, coalesce(t.finished_at, now())) AS duration_ms,
        CASE WHEN t.finished_at IS NULL AND t.not_before > now() THEN refresh.rfc3339(t.not_before) END AS not_before,
        t.slices_total, t.slices_total - t.slices_open AS slices_done, t.slices_skipped AS scopes_unchanged,
        t.rows_read, t.rows_staged, t.rows_inserted, t.rows_updated, t.rows_deleted, t.rows_unchanged,
        t.rows_quarantined, t.rows_superseded, t.rows_merged, t.bytes_billed,
        round(t.bytes_billed / 1099511627776.0 * CAST(:usd_per_tib AS numeric), 6) AS usd,
        CASE WHEN p.rolled_back_at IS NOT NULL THEN json_build_object('run_id', p.run_id, 'at', refresh.rfc3339(p.rolled_back_at),
            'by', p.rolled_back_by, 'reason', p.rollback_reason) END AS rolled_back,
        t.bigquery_job_id, t.details, coalesce(slices.listed, '[]') AS slices
    FROM refresh.refresh_task t
    CROSS JOIN LATERAL ( -- asked only of those that may wait, and once: that is what OFFSET 0 is for
        SELECT CASE
            WHEN t.status IN ('queued', 'running') AND t.phase = 'staged'
                OR t.status = 'queued' AND (t.table_schema, t.table_name) IN (SELECT table_schema, table_name FROM refresh.refresh_dependency)
            THEN refresh.waits_for(t) END AS tables
        OFFSET 0
    ) waiting
    LEFT JOIN refresh.refresh_publish p USING (run_id, table_schema, table_name)
    LEFT JOIN slices USING (table_schema, table_name)
    WHERE t.run_id = :run_id AND (CAST(:only AS text[]) IS NULL OR t.table_schema || '.' || t.table_name = ANY (CAST(:only AS text[])))
    ORDER BY t.priority, t.table_schema, t.table_name
)
-- The tables are put behind the rest as text: as a member of an object a megabyte would be copied three times more.
SELECT left(row_to_json(run)::text, -1) || ',"tables":' || (coalesce(listed.tables::text, '[]') || '}') AS document
FROM (SELECT json_agg(one) AS tables FROM tables one) listed
CROSS JOIN (
    SELECT n.run_id, n.trigger, n.requested_by, n.request, n.status, n.replay_of,
        ARRAY(SELECT later.run_id FROM refresh.refresh_run later WHERE later.replay_of = n.run_id ORDER BY later.created_at) AS replayed_by,
        refresh.rfc3339(n.scheduled_for) AS scheduled_for, refresh.rfc3339(n.snapshot_at) AS snapshot_at,
        refresh.rfc3339(n.created_at) AS created_at, refresh.rfc3339(n.planned_at) AS planned_at,
        refresh.rfc3339(n.finished_at) AS finished_at, refresh.duration_ms(n.created_at, coalesce(n.finished_at, now())) AS duration_ms,
        json_build_object('bytes_billed', billed.bytes,
            'usd', round(billed.bytes / 1099511627776.0 * CAST(:usd_per_tib AS numeric), 6)) AS cost
    FROM refresh.refresh_run n
    CROSS JOIN (SELECT coalesce(sum(bytes_billed), 0) AS bytes FROM refresh.refresh_task WHERE run_id = :run_id) billed
    WHERE n.run_id = :run_id
) run
