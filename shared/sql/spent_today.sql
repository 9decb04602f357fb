-- What jobs started today (UTC, by the database's clock) have billed, or have reserved and may bill yet; without :but.
SELECT refresh.bytes_spent(today) - own.bytes AS of_all,
    refresh.bytes_spent(today, CAST(:schema AS text), CAST(:name AS text)) - own.bytes AS of_table
FROM (SELECT CAST(clock_timestamp() AT TIME ZONE 'UTC' AS date) AS today) AS clock
CROSS JOIN LATERAL (
    SELECT coalesce(sum(bytes_reserved), 0)::bigint AS bytes FROM refresh.refresh_job_cost
    WHERE job_id = CAST(:but AS text) AND bytes_billed IS NULL AND started_at >= today::timestamp AT TIME ZONE 'UTC'
) AS own
