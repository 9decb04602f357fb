-- What the run was planned for, and what the table is now.
SELECT t.mode, r.mode AS table_mode, s.table_name IS NOT NULL AS has_shadow
FROM refresh.refresh_task t
JOIN refresh.refresh_table_registry r USING (table_schema, table_name)
LEFT JOIN refresh.refresh_shadow s USING (table_schema, table_name)
WHERE t.run_id = :run_id AND t.table_schema = :schema AND t.table_name = :name
