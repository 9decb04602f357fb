-- Oldest first; rows that another flush holds are its to publish.
SELECT outbox_id, topic, payload, attributes
FROM refresh.refresh_outbox
WHERE published_at IS NULL
ORDER BY outbox_id
LIMIT CAST(:limit AS bigint)
FOR UPDATE SKIP LOCKED
