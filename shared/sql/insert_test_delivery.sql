INSERT INTO refresh.webhook_delivery (endpoint_id, event_id, payload, next_attempt_at)
SELECT :endpoint_id, id, jsonb_build_object('id', id, 'type', CAST(:type AS text),
        'occurred_at', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'run_id', NULL, 'table', NULL, 'data', jsonb_build_object('message', 'A test, sent by hand.')),
    clock_timestamp()
FROM (SELECT gen_random_uuid() AS id OFFSET 0) made
RETURNING delivery_id
