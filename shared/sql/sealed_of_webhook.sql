SELECT secret, sealed_url
FROM refresh.webhook_endpoint
WHERE endpoint_id = :endpoint_id
FOR UPDATE
