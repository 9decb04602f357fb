-- All that failed since a moment, oldest first.
UPDATE refresh.webhook_delivery d
SET state = 'pending', attempt = 0, next_attempt_at = clock_timestamp(), epoch = d.epoch + 1
WHERE d.endpoint_id = :endpoint_id AND d.state = 'failed' AND d.created_at >= CAST(:since AS timestamptz)
RETURNING d.delivery_id
