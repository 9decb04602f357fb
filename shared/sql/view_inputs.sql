-- The tables that a view depends on, with the version of what they hold.
SELECT r.table_schema || '.' || r.table_name AS input, r.data_version
FROM refresh.refresh_dependency d
JOIN refresh.refresh_table_registry r ON (r.table_schema, r.table_name) = (d.depends_on_schema, d.depends_on_name)
WHERE d.table_schema = :schema AND d.table_name = :name
