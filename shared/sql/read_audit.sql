-- A page of the audit log, newest first, from a cursor on.
SELECT coalesce(json_agg(listed ORDER BY listed.at DESC, listed.audit_id DESC), '[]')::text AS document
FROM (
    SELECT a.audit_id, a.at, a.run_id, a.table_schema || '.' || a.table_name AS "table", a.slice_no, a.event, a.status,
        a.duration_ms, a.rows_read, a.rows_staged, a.rows_inserted, a.rows_updated, a.rows_deleted, a.rows_unchanged,
        a.rows_quarantined, a.rows_superseded, a.rows_merged, a.bytes_billed, a.bigquery_job_id, left(a.error, 4000) AS error,
        coalesce(a.details ->> 'by', a.details ->> 'requested_by') AS "by", a.details
    FROM refresh.refresh_audit_log a
    WHERE (CAST(:schema AS text) IS NULL OR (a.table_schema = :schema AND a.table_name = :name))
        AND (CAST(:run_id AS uuid) IS NULL OR a.run_id = :run_id)
        AND (CAST(:event AS text) IS NULL OR a.event = :event)
        AND (CAST(:by AS text) IS NULL OR ((a.details ? 'by' OR a.details ? 'requested_by')
            AND coalesce(a.details ->> 'by', a.details ->> 'requested_by') = :by))
        AND (CAST(:from AS timestamptz) IS NULL OR a.at >= :from)
        AND (CAST(:to AS timestamptz) IS NULL OR a.at < :to)
        AND (CAST(:before_at AS timestamptz) IS NULL OR (a.at, a.audit_id) < (:before_at, :before_id))
    ORDER BY a.at DESC, a.audit_id DESC
    LIMIT :limit
) listed
