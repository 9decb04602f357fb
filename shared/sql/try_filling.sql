-- Filling is tried once: whoever comes after a worker that died in the middle stages instead, which can be resumed.
UPDATE refresh.refresh_task
SET details = details || '{"fill": "tried"}'
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
