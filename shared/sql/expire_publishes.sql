-- As many publishes can be taken back as the registry says; older ones no more.
SELECT refresh.expire_publishes(r.table_schema, r.table_name, r.rollback_publishes) AS expired
FROM refresh.refresh_table_registry r
WHERE r.table_schema = :schema AND r.table_name = :name
