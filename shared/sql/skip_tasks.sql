-- A task that was claimed meanwhile is left to its worker.
UPDATE refresh.refresh_task t
SET status = 'skipped', reason = listed.reason
FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[]), CAST(:reasons AS text[]))
    AS listed (table_schema, table_name, reason)
WHERE t.run_id = :run_id AND t.table_schema = listed.table_schema AND t.table_name = listed.table_name
    AND t.status = 'queued'
