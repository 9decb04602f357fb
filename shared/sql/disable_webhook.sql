SELECT refresh.disable_webhook(:endpoint_id, :reason) AS disabled
