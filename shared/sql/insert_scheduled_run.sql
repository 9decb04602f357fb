-- Of two orchestrators at once, the second waits for the first one's commit and then gets no row.
INSERT INTO refresh.refresh_run (trigger, requested_by, idempotency_key, scheduled_for, snapshot_at, planned_at)
VALUES ('schedule', 'schedule', :idempotency_key, :scheduled_for, :snapshot_at, now())
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING run_id
