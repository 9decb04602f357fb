-- Every named SQL, or one, with the tables that read it.
SELECT coalesce(json_agg(json_build_object('name', n.name, 'sql', n.sql, 'description', n.description,
    'changed_at', n.changed_at, 'tables', ARRAY(
        SELECT r.table_schema || '.' || r.table_name FROM refresh.refresh_table_registry r
        WHERE r.source = 'sql:' || n.name ORDER BY 1)) ORDER BY n.name), '[]')::text AS document
FROM refresh.refresh_named_sql n
WHERE n.name = coalesce(:name, n.name)
