-- Newest first, after the one that the page before ended with.
SELECT d.delivery_id, d.endpoint_id, d.event_id, d.payload ->> 'type' AS event_type, d.payload, d.state, d.attempt,
    d.response_status, d.response_excerpt, d.error, d.duration_ms, d.last_attempt_at, d.next_attempt_at, d.created_at
FROM refresh.webhook_delivery d
WHERE d.endpoint_id = :endpoint_id
    AND (CAST(:state AS text) IS NULL OR d.state = :state)
    AND (CAST(:after AS uuid) IS NULL OR (d.created_at, d.delivery_id) < (
        SELECT l.created_at, l.delivery_id FROM refresh.webhook_delivery l WHERE l.delivery_id = :after))
ORDER BY d.created_at DESC, d.delivery_id DESC
LIMIT CAST(:limit AS bigint)
