-- What a plan of the range found, scope by scope.
SELECT scope AS value, rows, coalesce(published_rows, 0) AS published_rows, action = 'changed' AS loads,
    action = 'vanished' AS vanished
FROM refresh.refresh_task_scope
WHERE run_id = :run_id AND scope IS NOT NULL
ORDER BY scope
