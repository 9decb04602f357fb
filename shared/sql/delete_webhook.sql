DELETE FROM refresh.webhook_endpoint WHERE endpoint_id = :endpoint_id RETURNING endpoint_id
