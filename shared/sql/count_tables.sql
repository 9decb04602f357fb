-- How many tables are registered.
SELECT count(*) AS total FROM refresh.refresh_table_registry
