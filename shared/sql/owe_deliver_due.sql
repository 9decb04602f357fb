-- Wakes the notifier once the transaction is committed and the outbox flushed.
INSERT INTO refresh.refresh_outbox (topic, payload) VALUES (:topic, CAST(:payload AS jsonb))
