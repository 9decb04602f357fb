-- One word for the configuration of all tables, which changes with any of them.
SELECT md5(coalesce(string_agg(format('%s.%s:%s', table_schema, table_name, config_version), ',' ORDER BY table_schema, table_name), ''))
    AS version
FROM refresh.refresh_table_registry
