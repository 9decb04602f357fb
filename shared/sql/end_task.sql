-- An end without a publish; the triggers write the audit, the event and the message to the orchestrator.
UPDATE refresh.refresh_task
SET status = :status, reason = :reason, error = :error, details = details || CAST(:details AS jsonb), slices_open = 0
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND status = 'running'
RETURNING run_id
