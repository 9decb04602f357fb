-- Whoever holds the lock is the only one to claim for the endpoint, so that its bound holds; others pass it by.
SELECT e.endpoint_id
FROM refresh.webhook_endpoint e
WHERE e.state = 'enabled' AND coalesce(e.paused_until, '-infinity') <= clock_timestamp()
    AND EXISTS (
        SELECT FROM refresh.webhook_delivery d
        WHERE d.endpoint_id = e.endpoint_id AND d.state = 'pending' AND d.next_attempt_at <= clock_timestamp()
            AND coalesce(d.lease_until, '-infinity') <= clock_timestamp())
FOR NO KEY UPDATE OF e SKIP LOCKED
