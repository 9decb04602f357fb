-- The caller holds the row. A sealed URL is kept unless another one is given.
UPDATE refresh.webhook_endpoint
SET url = :url, sealed_url = CASE WHEN :is_moved THEN CAST(:sealed_url AS bytea) ELSE sealed_url END,
    description = :description, events = CAST(:events AS text[]), tables = CAST(:tables AS text[]),
    version = version + 1, updated_at = clock_timestamp()
WHERE endpoint_id = :endpoint_id
