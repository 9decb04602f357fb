-- A dead letter that is delivered again changes nothing.
INSERT INTO refresh.refresh_dead_letter (message_id, topic, reason, payload, attributes, run_id, table_schema, table_name)
VALUES (:message_id, :topic, :reason, :payload, CAST(:attributes AS jsonb), :run_id, :schema, :name)
ON CONFLICT (message_id) DO NOTHING
RETURNING dead_letter_id
