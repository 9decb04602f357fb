-- The outcomes of a task's checks.
INSERT INTO refresh.refresh_data_quality
    (run_id, table_schema, table_name, scope, metric, value, threshold, outcome, passed, details)
SELECT :run_id, :schema, :name, c.scope, c.metric, c.value, c.threshold, c.outcome, c.passed, coalesce(c.details, '{}')
FROM jsonb_to_recordset(CAST(:outcomes AS jsonb)) AS c (
    scope text, metric text, value numeric, threshold numeric, outcome text, passed boolean, details jsonb)
