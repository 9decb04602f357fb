-- Column by column, out of how many values something was removed that Postgres cannot store.
SELECT coalesce(jsonb_object_agg(column_name, removed), '{}') AS stripped
FROM (
    SELECT v.key AS column_name, sum(v.value::bigint) AS removed
    FROM refresh.refresh_checkpoint c
    CROSS JOIN LATERAL jsonb_each_text(c.values_stripped) v
    WHERE c.run_id = :run_id AND c.table_schema = :schema AND c.table_name = :name
    GROUP BY v.key
) counted
