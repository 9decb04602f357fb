-- One delivery for every endpoint that wants the event and was there when it happened; delivered twice, it is one.
-- A disabled endpoint's is kept as failed, so that it can be sent when the endpoint is back.
INSERT INTO refresh.webhook_delivery (endpoint_id, event_id, payload, state, next_attempt_at, error)
SELECT e.endpoint_id, :event_id, CAST(:payload AS jsonb),
    CASE e.state WHEN 'enabled' THEN 'pending' ELSE 'failed' END,
    CASE e.state WHEN 'enabled' THEN clock_timestamp() END,
    CASE e.state WHEN 'enabled' THEN NULL ELSE 'the endpoint was disabled' END
FROM refresh.webhook_endpoint e
WHERE refresh.is_wanted(e.events, e.tables, :type, CAST(:table AS text))
    AND e.created_at <= CAST(:occurred_at AS timestamptz)
ON CONFLICT (endpoint_id, event_id) DO NOTHING
RETURNING delivery_id
