-- The report of the day that the run stands for; a later comparison of the day takes its place. missing: rows that the live
-- table has not; extra: rows that it alone has.
WITH differences AS (
    SELECT * FROM refresh_differences WHERE kind <> 'updated' OR cardinality(changed) > 0
), counted AS (
    SELECT count(*) FILTER (WHERE kind = 'inserted') AS missing, count(*) FILTER (WHERE kind = 'deleted') AS extra,
        count(*) FILTER (WHERE kind = 'updated') AS differing
    FROM differences
), by_column AS (
    SELECT coalesce(jsonb_object_agg(name, rows), '{{}}') AS columns
    FROM (SELECT name, count(*) AS rows FROM differences, unnest(changed) AS name GROUP BY name) c
), by_scope AS (
    SELECT coalesce(jsonb_agg(jsonb_build_object('scope', scope, 'missing', missing, 'extra', extra, 'differing', differing)
        ORDER BY scope NULLS FIRST), '[]') AS scopes
    FROM (
        SELECT scope, count(*) FILTER (WHERE kind = 'inserted') AS missing, count(*) FILTER (WHERE kind = 'deleted') AS extra,
            count(*) FILTER (WHERE kind = 'updated') AS differing
        FROM differences GROUP BY scope ORDER BY count(*) DESC, scope NULLS FIRST LIMIT :max_scopes) s
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY kind ORDER BY scope NULLS FIRST, staged, live) AS n FROM differences
), shown AS (
    SELECT d.kind, jsonb_agg(CASE d.kind WHEN 'deleted' THEN {live_shown} WHEN 'inserted' THEN {staged_shown}
        ELSE jsonb_build_object('key', {staged_shown}, 'columns', (
            SELECT jsonb_object_agg(name, jsonb_build_object('live', {live_values} -> name, 'shadow', {staged_values} -> name))
            FROM unnest(d.changed) AS name)) END ORDER BY d.n) AS rows
    FROM numbered d
    LEFT JOIN {staging} s ON s.ctid = d.staged
    LEFT JOIN {target} t ON t.tableoid = d.live_table AND t.ctid = d.live
    WHERE d.n <= :samples
    GROUP BY d.kind
), samples AS (
    SELECT coalesce(jsonb_object_agg(
        CASE kind WHEN 'inserted' THEN 'missing' WHEN 'deleted' THEN 'extra' ELSE 'differing' END, rows), '{{}}') AS samples
    FROM shown
)
INSERT INTO refresh.refresh_shadow_report AS r (table_schema, table_name, day, run_id, definition_hash, rows_shadow, rows_live,
    missing, extra, differing, scopes_held, columns, scopes, samples)
SELECT :schema, :name, (coalesce(n.scheduled_for, n.created_at) AT TIME ZONE 'UTC')::date, n.run_id, :definition_hash,
    (SELECT count(*) FROM {staging} s), (SELECT count(*) FROM {live} t), c.missing, c.extra, c.differing, :held, b.columns,
    p.scopes, s.samples
FROM refresh.refresh_run n, counted c, by_column b, by_scope p, samples s
WHERE n.run_id = :run_id
ON CONFLICT (table_schema, table_name, day) DO UPDATE
SET run_id = excluded.run_id, compared_at = clock_timestamp(), definition_hash = excluded.definition_hash,
    rows_shadow = excluded.rows_shadow, rows_live = excluded.rows_live, missing = excluded.missing, extra = excluded.extra,
    differing = excluded.differing, scopes_held = excluded.scopes_held, columns = excluded.columns, scopes = excluded.scopes,
    samples = excluded.samples
