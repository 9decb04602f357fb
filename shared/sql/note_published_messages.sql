-- Only what Pub/Sub has taken; the rest stays owed.
UPDATE refresh.refresh_outbox
SET published_at = clock_timestamp()
WHERE outbox_id = ANY (CAST(:outbox_ids AS bigint[]))
