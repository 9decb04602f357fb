-- Which checks have held something of a task, those included that were released before.
SELECT DISTINCT metric, scope
FROM refresh.refresh_data_quality
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND outcome = 'hold' AND NOT passed
