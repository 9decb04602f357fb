-- The end of a task that published, or found nothing to publish.
UPDATE refresh.refresh_task
SET status = :status, reason = :reason, error = :error, rows_staged = rows_staged - :superseded,
    rows_superseded = rows_superseded + :superseded, rows_inserted = :inserted, rows_updated = :updated,
    rows_deleted = :deleted, rows_unchanged = :unchanged, details = details || CAST(:details AS jsonb)
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
