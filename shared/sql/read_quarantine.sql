-- Rows that were put aside, the newest first.
SELECT coalesce(json_agg(listed ORDER BY listed.quarantine_id DESC), '[]')::text AS document
FROM (
    SELECT q.quarantine_id, q.run_id, q.table_schema || '.' || q.table_name AS "table", q.slice_no, q.scope, q.reason,
        q.column_name AS "column", q.source_row AS "row", q.quarantined_at, q.resolved_at, q.resolved_by
    FROM refresh.refresh_quarantine q
    WHERE (CAST(:schema AS text) IS NULL OR (q.table_schema = :schema AND q.table_name = :name))
        AND (CAST(:run_id AS uuid) IS NULL OR q.run_id = CAST(:run_id AS uuid))
        AND (CAST(:reason AS text) IS NULL OR q.reason = :reason)
        AND (CAST(:resolved AS boolean) IS NULL OR (q.resolved_at IS NOT NULL) = CAST(:resolved AS boolean))
    ORDER BY q.quarantine_id DESC
    LIMIT :limit OFFSET :offset
) listed
