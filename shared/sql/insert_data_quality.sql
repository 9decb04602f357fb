-- The outcomes of a task's checks. A step that is done again finds the same again, which is kept once.
INSERT INTO refresh.refresh_data_quality
    (run_id, table_schema, table_name, scope, metric, value, threshold, outcome, passed, details)
SELECT :run_id, :schema, :name, c.scope, c.metric, c.value, c.threshold, c.outcome, c.passed, coalesce(c.details, '{}')
FROM jsonb_to_recordset(CAST(:outcomes AS jsonb)) AS c (
    scope text, metric text, value numeric, threshold numeric, outcome text, passed boolean, details jsonb)
WHERE NOT EXISTS (
    SELECT FROM refresh.refresh_data_quality q
    WHERE q.run_id = :run_id AND q.table_schema = :schema AND q.table_name = :name AND q.metric = c.metric
        AND q.scope IS NOT DISTINCT FROM c.scope AND q.passed = c.passed)
