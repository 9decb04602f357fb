-- From the first attempt again, with the event's own id; what is being sent at this moment is left to end.
UPDATE refresh.webhook_delivery d
SET state = 'pending', attempt = 0, next_attempt_at = clock_timestamp(), lease_until = NULL, epoch = d.epoch + 1
FROM refresh.webhook_endpoint e
WHERE d.delivery_id = :delivery_id AND d.endpoint_id = :endpoint_id AND e.endpoint_id = d.endpoint_id
    AND e.state = 'enabled' AND coalesce(d.lease_until, '-infinity') <= clock_timestamp()
RETURNING d.delivery_id
