-- Those that were named, whatever their mode and whether due or not; all that the run's mode suits where none was named.
-- A run that names no mode takes each table's own. Views have nothing to tell before they are refreshed. A publish group
-- comes whole (:whole_groups): one of its tables alone would be of another time than the rest.
SELECT r.table_schema, r.table_name, r.handler, r.priority, r.frequency_hours, r.mode AS table_mode, wanted.mode, allowed.it AS allowed
FROM refresh.refresh_table_registry r
CROSS JOIN LATERAL (SELECT coalesce(CAST(:mode AS text), nullif(r.mode, 'disabled'), 'live') AS mode) wanted
CROSS JOIN LATERAL (
    SELECT refresh.mode_allows(r.mode, wanted.mode) AND (wanted.mode = 'live' OR r.handler <> 'summaries') AS it) allowed
WHERE CASE WHEN CAST(:tables AS text[]) IS NULL THEN allowed.it
    ELSE r.table_schema || '.' || r.table_name = ANY (CAST(:tables AS text[]))
        OR (:whole_groups AND r.mode = 'live' AND wanted.mode = 'live' AND r.publish_group IN (
            SELECT named.publish_group FROM refresh.refresh_table_registry named
            WHERE named.mode = 'live' AND named.table_schema || '.' || named.table_name = ANY (CAST(:tables AS text[])))) END
ORDER BY r.table_schema, r.table_name
