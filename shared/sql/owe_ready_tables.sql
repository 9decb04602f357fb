-- In the order given, and only for tasks that no message was owed for yet.
WITH ready AS (
    SELECT * FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[]), CAST(:topics AS text[]))
        WITH ORDINALITY AS listed (table_schema, table_name, topic, position)
), owed AS (
    UPDATE refresh.refresh_task t
    SET owed_at = clock_timestamp()
    FROM ready
    WHERE t.run_id = :run_id AND t.table_schema = ready.table_schema AND t.table_name = ready.table_name
        AND t.status = 'queued' AND t.owed_at IS NULL
    RETURNING ready.topic, ready.position, t.run_id, t.table_schema || '.' || t.table_name AS table_text
)
INSERT INTO refresh.refresh_outbox (topic, payload, attributes)
SELECT topic,
    jsonb_build_object('version', 1, 'run_id', run_id, 'table', table_text, 'lane', 0, 'continuation', 0),
    jsonb_build_object('run_id', run_id, 'table', table_text)
FROM owed
ORDER BY position
