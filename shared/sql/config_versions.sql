-- The versions that the named tables' configurations have now.
SELECT table_schema || '.' || table_name AS "table", config_version
FROM refresh.refresh_table_registry
WHERE table_schema || '.' || table_name = ANY (CAST(:tables AS text[]))
