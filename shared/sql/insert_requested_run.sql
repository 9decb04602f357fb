-- A run that was asked for, with the message that has it planned.
WITH run AS (
    INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, request, idempotency_key, request_hash, replay_of)
    SELECT made.id, :trigger, :requested_by, CAST(:request AS jsonb),
        coalesce(CAST(:idempotency_key AS text), CAST(:trigger AS text) || ':' || made.id), :request_hash, CAST(:replay_of AS uuid)
    FROM (SELECT gen_random_uuid() AS id) made
    RETURNING run_id
), owed AS (
    INSERT INTO refresh.refresh_outbox (topic, payload)
    SELECT 'refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', run_id) FROM run
)
SELECT run_id FROM run
