-- The epoch is the claim: whoever lost it to another attempt changes nothing.
UPDATE refresh.webhook_delivery d
SET state = settled.state,
    response_status = CAST(:status AS integer), response_excerpt = CAST(:excerpt AS text), error = CAST(:error AS text),
    duration_ms = CAST(:duration_ms AS bigint), last_attempt_at = clock_timestamp(), lease_until = NULL,
    next_attempt_at = CASE settled.state WHEN 'pending' THEN clock_timestamp() + make_interval(secs => :delay) END
FROM refresh.webhook_endpoint e
CROSS JOIN LATERAL (
    SELECT CASE WHEN :state = 'pending' AND e.state = 'disabled' THEN 'failed' ELSE :state END AS state
) settled
WHERE d.delivery_id = :delivery_id AND d.epoch = :epoch AND d.state = 'pending' AND e.endpoint_id = d.endpoint_id
RETURNING d.endpoint_id
