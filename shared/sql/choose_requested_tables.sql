-- Those that were named, whatever their mode and whether due or not; all live ones where none was named.
SELECT r.table_schema, r.table_name, r.handler, r.priority, r.frequency_hours, r.mode
FROM refresh.refresh_table_registry r
WHERE CASE WHEN CAST(:tables AS text[]) IS NULL THEN r.mode = 'live'
    ELSE r.table_schema || '.' || r.table_name = ANY (CAST(:tables AS text[])) END
ORDER BY r.table_schema, r.table_name
