SELECT delivery_id FROM refresh.webhook_delivery WHERE delivery_id = :delivery_id AND endpoint_id = :endpoint_id
