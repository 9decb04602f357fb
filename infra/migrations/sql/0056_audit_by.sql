-- Who asked for a run is found by the same search as who changed something.
DROP INDEX refresh.refresh_audit_log_by;
CREATE INDEX refresh_audit_log_by ON refresh.refresh_audit_log
    ((coalesce(details ->> 'by', details ->> 'requested_by')), at DESC, audit_id DESC)
WHERE details ? 'by' OR details ? 'requested_by';
