-- The end of a backfill, with its line in the audit.
WITH ended AS (
    UPDATE refresh.refresh_backfill
    SET status = :status, reason = :reason, error = :error, finished_at = clock_timestamp()
    WHERE backfill_id = :backfill_id AND status = 'running'
    RETURNING *
)
INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, error, details)
SELECT run_id, table_schema, table_name, 'backfill_' || status, error,
    jsonb_strip_nulls(jsonb_build_object('backfill', backfill_id, 'reason', reason))
FROM ended
