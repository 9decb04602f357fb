-- A table of a publish group that is staged waits again, for one that has to load more.
UPDATE refresh.refresh_task
SET phase = 'staged', lease_until = NULL
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
