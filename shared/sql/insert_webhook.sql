INSERT INTO refresh.webhook_endpoint (endpoint_id, url, sealed_url, kind, secret, description, events, tables)
SELECT :endpoint_id, :url, CAST(:sealed_url AS bytea), :kind, CAST(:secret AS bytea), :description, CAST(:events AS text[]),
    CAST(:tables AS text[])
WHERE (SELECT count(*) FROM refresh.webhook_endpoint) < CAST(:most AS bigint)
RETURNING endpoint_id, url, kind, description, events, tables, state, disabled_reason, failing_since, paused_until,
    previous_secret_until, version, created_at, updated_at
