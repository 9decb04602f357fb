-- Looked up before BigQuery's clock is asked, so that a trigger delivered again costs nothing.
SELECT run_id FROM refresh.refresh_run WHERE idempotency_key = :idempotency_key
