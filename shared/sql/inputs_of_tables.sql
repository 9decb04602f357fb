-- Which of the tables are computed from which.
SELECT d.table_schema, d.table_name, d.depends_on_schema, d.depends_on_name
FROM refresh.refresh_dependency d
JOIN unnest(CAST(:schemas AS text[]), CAST(:names AS text[])) AS listed (table_schema, table_name)
    USING (table_schema, table_name)
