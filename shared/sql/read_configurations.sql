-- Tables as they are configured, by name.
SELECT coalesce(json_agg(listed ORDER BY listed."table"), '[]')::text AS document
FROM (
    SELECT page.table_schema || '.' || page.table_name AS "table", page.config_version, page.created_at,
        (refresh.configuration(page) - ARRAY['table_schema', 'table_name']) || jsonb_build_object('depends_on', (
            SELECT coalesce(jsonb_object_agg(d.depends_on_schema || '.' || d.depends_on_name, d.kind), '{}')
            FROM refresh.refresh_dependency d
            WHERE d.table_schema = page.table_schema AND d.table_name = page.table_name)) AS configuration
    FROM (
        SELECT * FROM refresh.refresh_table_registry r
        WHERE CAST(:schema AS text) IS NULL OR (r.table_schema = :schema AND r.table_name = :name)
        ORDER BY r.table_schema, r.table_name
        OFFSET :offset LIMIT :limit
    ) page
) listed
