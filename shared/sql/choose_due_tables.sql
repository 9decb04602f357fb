-- Due by the scheduled time. What is refreshed less than daily is tried again the next day after it failed: a weekly
-- table would else stay a week behind for one bad night. A publish group is due as soon as one of its tables is.
WITH due AS (
    SELECT r.table_schema, r.table_name, CASE WHEN r.mode = 'live' THEN r.publish_group END AS publish_group
    FROM refresh.refresh_table_registry r
    WHERE r.mode <> 'disabled'
        AND (r.next_refresh_at IS NULL
            OR r.next_refresh_at <= :scheduled_for
            OR (r.frequency_hours > 24 AND EXISTS (
                SELECT FROM (
                    SELECT t.status, t.reason, coalesce(n.scheduled_for, n.created_at) AS tried_at
                    FROM refresh.refresh_task t
                    JOIN refresh.refresh_run n USING (run_id)
                    WHERE t.table_schema = r.table_schema AND t.table_name = r.table_name AND t.mode = r.mode AND t.finished_at IS NOT NULL
                    ORDER BY t.finished_at DESC
                    LIMIT 1
                ) latest
                WHERE (latest.status IN ('failed', 'held') OR (latest.status = 'skipped' AND latest.reason LIKE 'input\_failed%'))
                    AND (latest.tried_at AT TIME ZONE :zone + interval '1 day') AT TIME ZONE :zone <= :scheduled_for
            )))
)
SELECT r.table_schema, r.table_name, r.handler, r.priority, r.frequency_hours, r.mode
FROM refresh.refresh_table_registry r
WHERE (r.table_schema, r.table_name) IN (SELECT due.table_schema, due.table_name FROM due)
    OR (r.mode = 'live' AND r.publish_group IN (SELECT due.publish_group FROM due))
ORDER BY r.table_schema, r.table_name
