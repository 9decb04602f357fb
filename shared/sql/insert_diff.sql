-- What would become of each scope that is not left alone. Rows are shown by their keys; without a key, whole.
WITH counted AS (
    SELECT scope, count(*) FILTER (WHERE kind = 'inserted') AS inserted,
        count(*) FILTER (WHERE kind = 'updated') AS updated, count(*) FILTER (WHERE kind = 'deleted') AS deleted
    FROM refresh_differences
    GROUP BY scope
), by_column AS (
    SELECT scope, jsonb_object_agg(name, rows) AS columns
    FROM (SELECT scope, name, count(*) AS rows FROM refresh_differences, unnest(changed) AS name GROUP BY scope, name) c
    GROUP BY scope
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY scope, kind ORDER BY staged, live) AS n FROM refresh_differences
), shown AS (
    SELECT d.scope, d.kind, jsonb_agg(
        CASE d.kind WHEN 'deleted' THEN {live_shown} WHEN 'inserted' THEN {staged_shown}
            ELSE jsonb_build_object('key', {staged_shown}, 'columns', d.changed) END
        ORDER BY d.n) AS rows
    FROM numbered d
    LEFT JOIN {staging} s ON s.ctid = d.staged
    LEFT JOIN {target} t ON t.tableoid = d.live_table AND t.ctid = d.live
    WHERE d.n <= :samples
    GROUP BY d.scope, d.kind
), samples AS (
    SELECT scope, jsonb_object_agg(kind, rows) AS samples FROM shown GROUP BY scope
)
INSERT INTO refresh.refresh_diff (run_id, table_schema, table_name, scope, action, slice_no, rows, rows_published,
    rows_inserted, rows_updated, rows_deleted, columns, samples)
SELECT a.run_id, a.table_schema, a.table_name, a.scope, a.action, a.slice_no, a.rows, coalesce(p.rows, 0),
    CASE WHEN writes.it THEN coalesce(c.inserted, 0) END,
    CASE WHEN writes.it THEN CASE WHEN :only_inserts THEN 0 ELSE coalesce(c.updated, 0) END END,
    CASE WHEN writes.it THEN CASE WHEN :only_inserts THEN 0 ELSE coalesce(c.deleted, 0) END END,
    coalesce(b.columns, '{{}}'), coalesce(s.samples, '{{}}')
FROM refresh.refresh_task_scope a
CROSS JOIN LATERAL (SELECT a.action IN ('changed', 'vanished') AS it) writes
LEFT JOIN refresh.refresh_partition_state p
    ON p.table_schema = a.table_schema AND p.table_name = a.table_name AND p.scope IS NOT DISTINCT FROM a.scope
LEFT JOIN counted c ON writes.it AND c.scope IS NOT DISTINCT FROM a.scope
LEFT JOIN by_column b ON writes.it AND b.scope IS NOT DISTINCT FROM a.scope
LEFT JOIN samples s ON writes.it AND s.scope IS NOT DISTINCT FROM a.scope
WHERE a.run_id = :run_id AND a.table_schema = :schema AND a.table_name = :name AND a.action <> 'unchanged'
