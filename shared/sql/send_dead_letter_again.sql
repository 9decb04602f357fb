-- Owed as it first was, with who wanted it.
WITH owed AS (
    INSERT INTO refresh.refresh_outbox (topic, payload, attributes)
    VALUES (:topic, CAST(:payload AS jsonb), CAST(:attributes AS jsonb))
    RETURNING outbox_id
), noted AS (
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, details)
    SELECT d.run_id, d.table_schema, d.table_name, 'dead_letter_sent_again', jsonb_build_object('by', CAST(:by AS text),
        'dead_letter_id', d.dead_letter_id, 'message_id', d.message_id, 'topic', CAST(:topic AS text))
    FROM refresh.refresh_dead_letter d WHERE d.dead_letter_id = :dead_letter_id
)
UPDATE refresh.refresh_dead_letter SET replayed_at = clock_timestamp()
WHERE dead_letter_id = :dead_letter_id
RETURNING replayed_at
