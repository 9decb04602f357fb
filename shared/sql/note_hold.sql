-- What a table was held for as a whole: the end of the task follows in the same transaction.
UPDATE refresh.refresh_task
SET definition_hash = :definition_hash, scan_from = :scan_from, bytes_billed = bytes_billed + :bytes_billed,
    bigquery_job_id = :job_id
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
