-- How many parts a backfill has, how many of them wait, and how many ended with a warning.
SELECT count(*) AS total, count(*) FILTER (WHERE b.run_id IS NULL) AS waiting,
    count(*) FILTER (WHERE t.status = 'warning') AS warned
FROM refresh.refresh_backfill_batch b
LEFT JOIN refresh.refresh_task t ON t.run_id = b.run_id
WHERE b.backfill_id = :backfill_id
