-- A materialized view has nothing to stage: it is ready to be published once its inputs are.
UPDATE refresh.refresh_task
SET phase = 'staged', lease_until = NULL, attempt = 0, reason = NULL, error = NULL
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
