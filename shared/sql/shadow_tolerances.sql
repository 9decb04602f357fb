-- How far a table's shadow may be from it.
SELECT shadow_tolerances FROM refresh.refresh_table_registry
WHERE table_schema = :schema AND table_name = :name
