-- Of two workers that stage the last two tables of a publish group at once, the second comes after the first, and finds
-- all of them staged or claimed. Nothing is locked for a table without a group.
SELECT pg_advisory_xact_lock(hashtextextended('refresh.publish_group/' || t.run_id || '/' || t.publish_group, 0))
FROM refresh.refresh_task t
WHERE t.run_id = :run_id AND t.table_schema = :schema AND t.table_name = :name AND t.publish_group IS NOT NULL
