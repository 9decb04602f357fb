-- Goes with the staging table: without that there is nothing to publish.
DELETE FROM refresh.refresh_task_definition
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
