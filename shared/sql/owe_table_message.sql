-- A message for a table's worker, owed by the transaction that makes it needed.
INSERT INTO refresh.refresh_outbox (topic, payload, attributes)
VALUES (:topic,
    jsonb_build_object('version', 1, 'run_id', CAST(:run_id AS uuid), 'table', CAST(:table AS text),
        'lane', CAST(:lane AS integer), 'continuation', CAST(:continuation AS integer)),
    jsonb_build_object('run_id', CAST(:run_id AS uuid), 'table', CAST(:table AS text)))
