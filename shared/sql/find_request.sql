-- The run that was made for an idempotency key.
SELECT run_id, request_hash, snapshot_at, request FROM refresh.refresh_run WHERE idempotency_key = :idempotency_key
