-- A shadow, and how it has differed from its live table on the latest days that have a report.
SELECT json_build_object(
    'table', r.table_schema || '.' || r.table_name, 'mode', r.mode,
    'shadow', 'refresh_shadow.' || quote_ident(s.shadow_name), 'made_at', s.created_at, 'last_refreshed_at', s.last_refreshed_at,
    'snapshot_at', s.scanned_snapshot_at, 'clean_days', refresh.clean_days(r.table_schema, r.table_name),
    'clean_days_needed', r.shadow_clean_days, 'tolerances', r.shadow_tolerances,
    'days', (
        SELECT coalesce(json_agg(json_build_object('day', d.day, 'run_id', d.run_id, 'compared_at', d.compared_at, 'clean', d.clean,
            'counts', coalesce(d.compared_at >= s.created_at, false) AND d.definition_hash = d.hash_now, 'rows_shadow', d.rows_shadow,
            'rows_live', d.rows_live, 'missing', d.missing, 'extra', d.extra, 'differing', d.differing,
            'scopes_held', d.scopes_held, 'columns', d.columns, 'scopes', d.scopes, 'samples', d.samples) ORDER BY d.day DESC), '[]')
        FROM (
            SELECT d.*, first_value(d.definition_hash) OVER (ORDER BY d.day DESC) AS hash_now
            FROM refresh.refresh_shadow_report d
            WHERE d.table_schema = r.table_schema AND d.table_name = r.table_name
            ORDER BY d.day DESC LIMIT :days) d)
)::text AS document
FROM refresh.refresh_table_registry r
LEFT JOIN refresh.refresh_shadow s USING (table_schema, table_name)
WHERE r.table_schema = :schema AND r.table_name = :name
