-- Only between tables of the run: an input that is not refreshed in it counts as satisfied.
SELECT d.table_schema, d.table_name, d.depends_on_schema, d.depends_on_name, d.kind
FROM refresh.refresh_dependency d
JOIN refresh.refresh_task t USING (table_schema, table_name)
JOIN refresh.refresh_task i ON (i.table_schema, i.table_name) = (d.depends_on_schema, d.depends_on_name)
WHERE t.run_id = :run_id AND i.run_id = :run_id AND t.status = 'queued'
