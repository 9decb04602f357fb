-- What a backfill of a range would look at: the range in whole buckets, what is published of it, and what reading all of that
-- again would take by the table's slices of the last two weeks.
SELECT json_build_object(
    'table', r.table_schema || '.' || r.table_name, 'scope_from', wide.first, 'scope_to', wide.last,
    'days', wide.last - wide.first + 1, 'scopes_published', published.scopes, 'rows_published', published.rows,
    'parts', greatest(1, ceil(published.rows / (r.slice_target_rows * r.parallelism)::numeric))::bigint,
    'seconds_estimated', ceil(published.rows / nullif(lately.rows_per_second * r.parallelism, 0))::bigint,
    'bytes_estimated', CASE WHEN lately.bytes_per_row > 0
        THEN ceil(published.rows * lately.bytes_per_row + coalesce(compared.bytes_billed, 0))::bigint END
)::text AS document
FROM refresh.refresh_table_registry r
CROSS JOIN (SELECT CAST(:first AS date) AS first, CAST(:last AS date) AS last) AS asked
CROSS JOIN LATERAL (
    SELECT CASE r.scope_bucket WHEN 'week' THEN asked.first - extract(dow FROM asked.first)::integer
            WHEN 'month' THEN date_trunc('month', asked.first)::date ELSE asked.first END AS first,
        CASE r.scope_bucket WHEN 'week' THEN asked.last - extract(dow FROM asked.last)::integer + 6
            WHEN 'month' THEN (date_trunc('month', asked.last) + interval '1 month - 1 day')::date ELSE asked.last END AS last
) AS wide
CROSS JOIN LATERAL (
    SELECT count(*) AS scopes, coalesce(sum(p.rows), 0)::bigint AS rows
    FROM refresh.refresh_partition_state p
    WHERE p.table_schema = r.table_schema AND p.table_name = r.table_name AND p.fingerprint IS NOT NULL
        AND p.scope BETWEEN wide.first::text AND wide.last::text
) AS published
CROSS JOIN LATERAL (
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY c.rows_received / greatest(extract(epoch FROM c.finished_at - c.started_at), 0.1))
            AS rows_per_second, sum(c.bytes_billed) / sum(c.rows_received) AS bytes_per_row
    FROM refresh.refresh_checkpoint c
    WHERE c.table_schema = r.table_schema AND c.table_name = r.table_name AND c.status = 'done' AND c.rows_received > 0
        AND c.finished_at > now() - interval '14 days'
) AS lately
LEFT JOIN LATERAL (
    SELECT j.bytes_billed FROM refresh.refresh_job_cost j
    WHERE j.table_schema = r.table_schema AND j.table_name = r.table_name AND j.step = 'plan' AND j.bytes_billed > 0
    ORDER BY j.settled_at DESC LIMIT 1
) AS compared ON true
WHERE r.table_schema = :schema AND r.table_name = :name
