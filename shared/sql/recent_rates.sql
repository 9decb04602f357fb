-- How quickly the slices of a table's last two weeks were read, and what its refreshes billed.
SELECT
    (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY c.rows_received / greatest(extract(epoch FROM c.finished_at - c.started_at), 0.1))
        FROM refresh.refresh_checkpoint c
        JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
        WHERE t.table_schema = :schema AND t.table_name = :name AND t.finished_at > now() - interval '14 days'
            AND c.status = 'done' AND c.rows_received > 0) AS rows_per_second,
    tasks.largest_rows, tasks.largest_bytes, tasks.refreshes,
    (SELECT max(d.bytes)::bigint FROM (
        SELECT sum(t.bytes_billed) AS bytes FROM refresh.refresh_task t
        WHERE t.table_schema = :schema AND t.table_name = :name AND t.finished_at > now() - interval '14 days'
        GROUP BY (t.finished_at AT TIME ZONE 'UTC')::date) d) AS largest_day_bytes
FROM (
    SELECT max(t.rows_read) AS largest_rows, max(t.bytes_billed) AS largest_bytes, count(*) AS refreshes
    FROM refresh.refresh_task t
    WHERE t.table_schema = :schema AND t.table_name = :name AND t.status IN ('success', 'warning')
        AND t.finished_at > now() - interval '14 days'
) tasks
