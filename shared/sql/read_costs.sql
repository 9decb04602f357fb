-- What the BigQuery jobs of a month (UTC) billed, by table, by day, and in all. A job without a price is reckoned at today's.
WITH jobs AS (
    SELECT j.table_schema || '.' || j.table_name AS "table", j.run_id, j.bytes_billed,
        CAST(j.started_at AT TIME ZONE 'UTC' AS date) AS day,
        coalesce(j.usd, j.bytes_billed / 1099511627776.0 * CAST(:usd_per_tib AS numeric)) AS usd
    FROM refresh.refresh_job_cost j
    WHERE j.bytes_billed IS NOT NULL AND j.started_at >= CAST(:month AS date)::timestamp AT TIME ZONE 'UTC'
        AND j.started_at < (CAST(:month AS date) + interval '1 month') AT TIME ZONE 'UTC'
)
SELECT json_build_object(
    'month', to_char(CAST(:month AS date), 'YYYY-MM'), 'usd_per_tib', CAST(:usd_per_tib AS numeric),
    'jobs', (SELECT count(*) FROM jobs), 'bytes_billed', (SELECT coalesce(sum(bytes_billed), 0) FROM jobs),
    'usd', (SELECT coalesce(round(sum(usd), 6), 0) FROM jobs),
    'tables', (
        SELECT coalesce(json_agg(json_build_object('table', "table", 'jobs', jobs, 'runs', runs, 'bytes_billed', bytes_billed,
            'usd', round(usd, 6)) ORDER BY bytes_billed DESC, "table"), '[]')
        FROM (
            SELECT "table", count(*) AS jobs, count(DISTINCT run_id) AS runs, sum(bytes_billed) AS bytes_billed, sum(usd) AS usd
            FROM jobs GROUP BY "table"
        ) AS by_table),
    'days', (
        SELECT coalesce(json_agg(json_build_object('day', day, 'jobs', jobs, 'bytes_billed', bytes_billed, 'usd', round(usd, 6))
            ORDER BY day), '[]')
        FROM (SELECT day, count(*) AS jobs, sum(bytes_billed) AS bytes_billed, sum(usd) AS usd FROM jobs GROUP BY day) AS by_day)
)::text AS document
