-- What the task was planned with, as text: its reader decides what it can make of it.
SELECT definition::text AS definition FROM refresh.refresh_task_definition
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
