UPDATE refresh.webhook_endpoint SET failing_since = NULL
WHERE endpoint_id = :endpoint_id AND failing_since IS NOT NULL
