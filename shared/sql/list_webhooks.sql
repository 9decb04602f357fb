SELECT endpoint_id, url, kind, description, events, tables, state, disabled_reason, failing_since, paused_until,
    previous_secret_until, version, created_at, updated_at
FROM refresh.webhook_endpoint
WHERE CAST(:endpoint_id AS uuid) IS NULL OR endpoint_id = :endpoint_id
ORDER BY created_at, endpoint_id
