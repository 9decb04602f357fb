-- What a job has billed, once: a successor that meets the finished job again finds it settled.
INSERT INTO refresh.refresh_job_cost AS j
    (job_id, run_id, table_schema, table_name, step, bytes_billed, usd, settled_at)
VALUES (:job_id, :run_id, :schema, :name, :step, CAST(:bytes AS bigint),
    round(CAST(:bytes AS bigint) / 1099511627776.0 * CAST(:usd_per_tib AS numeric), 8), clock_timestamp())
ON CONFLICT (job_id) DO UPDATE
SET bytes_billed = excluded.bytes_billed, usd = excluded.usd, settled_at = excluded.settled_at
WHERE j.bytes_billed IS NULL
