-- The last periods of a brand up to one of them, oldest first.
SELECT *
FROM (
    SELECT *
    FROM {schema}.brand_dashboard_timeseries
    WHERE client_id = :client AND marketplace_id = :marketplace AND report_period = :report_period AND brand = :brand
        AND period_start <= :period_start
    ORDER BY period_start DESC
    LIMIT :limit
) AS latest
ORDER BY period_start
