-- For a task whose message was given up.
WITH owed AS (
    UPDATE refresh.refresh_task
    SET owed_at = clock_timestamp()
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
    RETURNING run_id, table_schema || '.' || table_name AS table_text
)
INSERT INTO refresh.refresh_outbox (topic, payload, attributes)
SELECT :topic,
    jsonb_build_object('version', 1, 'run_id', run_id, 'table', table_text, 'lane', 0, 'continuation', 0),
    jsonb_build_object('run_id', run_id, 'table', table_text)
FROM owed
