-- One publish of a table at a time, and in one order, so that two publishes of several tables never wait for each other.
-- NO KEY: new tasks that reference the rows need not wait.
SELECT FROM refresh.refresh_table_registry r
WHERE (r.table_schema, r.table_name) IN (SELECT * FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[])))
ORDER BY r.table_schema, r.table_name
FOR NO KEY UPDATE
