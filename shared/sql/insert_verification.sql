-- A run that verifies what has been published, with the message that has it planned; none where there is nothing to verify.
WITH chosen AS (
    SELECT jsonb_agg(r.table_schema || '.' || r.table_name ORDER BY r.table_schema, r.table_name) AS tables
    FROM refresh.refresh_table_registry r
    WHERE r.mode = 'live' AND r.handler <> 'summaries' AND r.scanned_snapshot_at IS NOT NULL
        AND r.checks -> 'verify' ->> 'outcome' IS DISTINCT FROM 'off'
), run AS (
    INSERT INTO refresh.refresh_run (trigger, requested_by, request, idempotency_key, scheduled_for)
    SELECT 'schedule', 'schedule', jsonb_build_object('mode', 'verify', 'tables', chosen.tables), :idempotency_key, :scheduled_for
    FROM chosen WHERE chosen.tables IS NOT NULL
    ON CONFLICT (idempotency_key) DO NOTHING
    RETURNING run_id
), owed AS (
    INSERT INTO refresh.refresh_outbox (topic, payload)
    SELECT 'refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', run_id) FROM run
)
SELECT run_id FROM run
