-- One publish of a table at a time. NO KEY: new tasks that reference the row need not wait.
SELECT FROM refresh.refresh_table_registry
WHERE table_schema = :schema AND table_name = :name
FOR NO KEY UPDATE
