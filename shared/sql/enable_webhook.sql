-- A fresh start: what went wrong before counts no more.
UPDATE refresh.webhook_endpoint
SET state = 'enabled', disabled_reason = NULL, failing_since = NULL, paused_until = NULL,
    version = version + 1, updated_at = clock_timestamp()
WHERE endpoint_id = :endpoint_id AND state = 'disabled'
