SELECT endpoint_id, url, kind, description, events, tables, state, disabled_reason, failing_since, paused_until,
    previous_secret_until, version, created_at, updated_at
FROM refresh.webhook_endpoint
WHERE endpoint_id = :endpoint_id
FOR UPDATE
