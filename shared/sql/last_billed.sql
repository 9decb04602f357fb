-- What the last job of the kind billed for the table: a figure to go by where BigQuery gives none.
SELECT bytes_billed FROM refresh.refresh_job_cost
WHERE table_schema = :schema AND table_name = :name AND step = :step AND bytes_billed > 0
ORDER BY settled_at DESC LIMIT 1
