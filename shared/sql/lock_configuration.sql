-- The version of a table's configuration, held until the change of it is committed.
SELECT config_version FROM refresh.refresh_table_registry
WHERE table_schema = :schema AND table_name = :name
FOR NO KEY UPDATE
