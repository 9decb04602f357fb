-- A run that publishes what was held; an error with SQLSTATE RF… says why there is none.
SELECT refresh.release(CAST(:table AS text), CAST(:run_id AS uuid), CAST(:requested_by AS text),
    CAST(:idempotency_key AS text), CAST(:request_hash AS text)) AS run_id
