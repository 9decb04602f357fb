-- The dead letter that is about to be sent again.
SELECT topic, payload, attributes, run_id, table_schema, table_name
FROM refresh.refresh_dead_letter
WHERE dead_letter_id = :dead_letter_id
FOR UPDATE
