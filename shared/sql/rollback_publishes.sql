-- Whether what a publish overwrites is to be kept.
SELECT rollback_publishes FROM refresh.refresh_table_registry
WHERE table_schema = :schema AND table_name = :name
