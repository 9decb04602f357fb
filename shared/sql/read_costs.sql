-- What the BigQuery jobs of a month (UTC) billed, by table and in all. A job without a price is reckoned at today's.
SELECT json_build_object(
    'month', to_char(CAST(:month AS date), 'YYYY-MM'), 'usd_per_tib', CAST(:usd_per_tib AS numeric),
    'jobs', coalesce(sum(jobs), 0), 'bytes_billed', coalesce(sum(bytes_billed), 0), 'usd', coalesce(round(sum(usd), 6), 0),
    'tables', coalesce(json_agg(json_build_object('table', "table", 'jobs', jobs, 'runs', runs, 'bytes_billed', bytes_billed,
        'usd', round(usd, 6)) ORDER BY bytes_billed DESC, "table"), '[]'))::text AS document
FROM (
    SELECT j.table_schema || '.' || j.table_name AS "table", count(*) AS jobs, count(DISTINCT j.run_id) AS runs,
        sum(j.bytes_billed) AS bytes_billed,
        sum(coalesce(j.usd, j.bytes_billed / 1099511627776.0 * CAST(:usd_per_tib AS numeric))) AS usd
    FROM refresh.refresh_job_cost j
    WHERE j.bytes_billed IS NOT NULL AND j.started_at >= CAST(:month AS date)::timestamp AT TIME ZONE 'UTC'
        AND j.started_at < (CAST(:month AS date) + interval '1 month') AT TIME ZONE 'UTC'
    GROUP BY 1
) AS billed
