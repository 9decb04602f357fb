-- The tables whose source a named SQL is.
SELECT table_schema, table_name FROM refresh.refresh_table_registry WHERE source = 'sql:' || :name
