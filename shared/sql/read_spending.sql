-- What jobs started today (UTC) have billed, or have reserved and may bill yet, beside the caps: in all, and by table that has
-- a cap or has spent anything.
WITH today AS (
    SELECT CAST(clock_timestamp() AT TIME ZONE 'UTC' AS date) AS day
), spent AS (
    SELECT j.table_schema, j.table_name,
        sum(coalesce(j.bytes_billed, CASE WHEN refresh.is_terminal(t.status) THEN 0 ELSE j.bytes_reserved END))::bigint AS bytes
    FROM today
    JOIN refresh.refresh_job_cost j ON j.started_at >= today.day::timestamp AT TIME ZONE 'UTC'
    JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
    GROUP BY j.table_schema, j.table_name
)
SELECT json_build_object(
    'day', (SELECT day FROM today), 'bytes_spent', coalesce(sum(bytes), 0), 'max_bytes_billed_per_day', CAST(:max_bytes AS bigint),
    'tables', coalesce(json_agg(json_build_object('table', "table", 'bytes_spent', bytes, 'max_bytes_billed', max_bytes_billed,
        'max_bytes_billed_per_day', max_bytes_billed_per_day)
        ORDER BY bytes::numeric / max_bytes_billed_per_day DESC NULLS LAST, bytes DESC, "table"), '[]')
)::text AS document
FROM (
    SELECT r.table_schema || '.' || r.table_name AS "table", coalesce(s.bytes, 0) AS bytes, r.max_bytes_billed,
        r.max_bytes_billed_per_day
    FROM refresh.refresh_table_registry r
    LEFT JOIN spent s USING (table_schema, table_name)
    WHERE s.bytes > 0 OR r.max_bytes_billed IS NOT NULL OR r.max_bytes_billed_per_day IS NOT NULL
) AS listed
