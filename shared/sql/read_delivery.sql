-- One delivery of an endpoint.
SELECT d.delivery_id, d.endpoint_id, d.event_id, d.payload ->> 'type' AS event_type, d.payload, d.state, d.attempt,
    d.response_status, d.response_excerpt, d.error, d.duration_ms, d.last_attempt_at, d.next_attempt_at, d.created_at
FROM refresh.webhook_delivery d
WHERE d.delivery_id = :delivery_id AND d.endpoint_id = :endpoint_id
