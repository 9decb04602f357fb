-- Jobs that are about to start, with what they may bill.
INSERT INTO refresh.refresh_job_cost (job_id, run_id, table_schema, table_name, step, bytes_reserved)
SELECT j.job_id, :run_id, :schema, :name, j.step, j.bytes
FROM jsonb_to_recordset(CAST(:jobs AS jsonb)) AS j (job_id text, step text, bytes bigint)
ON CONFLICT (job_id) DO NOTHING
