-- What the BigQuery jobs of a month (UTC) billed, by table, by day, and in all. A job without a price is reckoned at today's.
WITH figure AS MATERIALIZED (
    SELECT f."table", f.day, f.jobs, f.runs, f.bytes_billed,
        f.usd + f.bytes_unpriced / 1099511627776.0 * CAST(:usd_per_tib AS numeric) AS usd
    FROM refresh.month_costs(CAST(:month AS date), CAST(CAST(:month AS date) + interval '1 month' AS date)) f
)
SELECT json_build_object(
    'month', to_char(CAST(:month AS date), 'YYYY-MM'), 'usd_per_tib', CAST(:usd_per_tib AS numeric),
    'jobs', coalesce(sum(jobs), 0), 'bytes_billed', coalesce(sum(bytes_billed), 0), 'usd', coalesce(round(sum(usd), 6), 0),
    'tables', (
        SELECT coalesce(json_agg(json_build_object('table', "table", 'jobs', jobs, 'runs', runs, 'bytes_billed', bytes_billed,
            'usd', round(usd, 6)) ORDER BY bytes_billed DESC, "table"), '[]')
        FROM figure WHERE "table" IS NOT NULL),
    'days', (
        SELECT coalesce(json_agg(json_build_object('day', day, 'jobs', jobs, 'bytes_billed', bytes_billed, 'usd', round(usd, 6))
            ORDER BY day), '[]')
        FROM figure WHERE day IS NOT NULL)
)::text AS document
FROM figure WHERE day IS NOT NULL
