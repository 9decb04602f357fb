-- A new run of a table whose definition changed during this one, and of what had to wait for it here. Once: the run that
-- this makes is not made again.
WITH RECURSIVE affected (table_schema, table_name) AS (
    SELECT CAST(:schema AS text), CAST(:name AS text)
    UNION
    SELECT t.table_schema, t.table_name
    FROM affected a
    JOIN refresh.refresh_dependency d ON (d.depends_on_schema, d.depends_on_name) = (a.table_schema, a.table_name)
    JOIN refresh.refresh_task t ON t.run_id = :run_id AND (t.table_schema, t.table_name) = (d.table_schema, d.table_name)
)
SELECT refresh.request_run(
    tables => ARRAY(SELECT table_schema || '.' || table_name FROM affected), requested_by => 'refresh',
    idempotency_key => format('definition_changed:%s:%s.%s', CAST(:run_id AS text), CAST(:schema AS text), CAST(:name AS text))) AS run_id
FROM refresh.refresh_run
WHERE run_id = :run_id AND idempotency_key NOT LIKE 'definition\_changed:%'
