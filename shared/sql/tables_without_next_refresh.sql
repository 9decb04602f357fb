-- Planned by the schedule, but the registry row was locked by a publish just then, see set_next_refresh.sql.
SELECT r.table_schema, r.table_name, r.frequency_hours, max(n.scheduled_for) AS scheduled_for
FROM refresh.refresh_run n
JOIN refresh.refresh_task t USING (run_id)
JOIN refresh.refresh_table_registry r USING (table_schema, table_name)
WHERE n.trigger = 'schedule' AND n.created_at > now() - interval '2 days'
    AND (r.next_refresh_at IS NULL OR r.next_refresh_at <= n.scheduled_for)
GROUP BY r.table_schema, r.table_name, r.frequency_hours
