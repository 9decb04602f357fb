-- Backfills, newest first, with how far each is. Time left goes by the rows that it has loaded so far; before the first ones by
-- how quickly the table's slices were read lately. It costs what its runs billed together.
SELECT coalesce(json_agg(listed ORDER BY listed.created_at DESC), '[]')::text AS document
FROM (
    SELECT b.backfill_id, b.table_schema || '.' || b.table_name AS "table", b.scope_from, b.scope_to, b.visible,
        b.status, b.reason, left(b.error, 4000) AS error, b.requested_by, b.run_id, b.created_at, b.finished_at,
        progress.batches_total, progress.batches_done, progress.rows_total, progress.rows_loaded,
        round(rate.rows_per_second, 1) AS rows_per_second, billed.runs, billed.bytes_billed, billed.usd,
        CASE WHEN b.status <> 'running' OR progress.rows_total IS NULL THEN NULL
            WHEN rate.rows_per_second > 0 THEN round((progress.rows_total - progress.rows_loaded) / rate.rows_per_second)
            ELSE round(progress.rows_total / nullif(lately.rows_per_second * r.parallelism, 0)) END::bigint AS seconds_left
    FROM (
        SELECT * FROM refresh.refresh_backfill
        WHERE (CAST(:backfill_id AS uuid) IS NULL OR backfill_id = :backfill_id)
            AND (CAST(:schema AS text) IS NULL OR (table_schema, table_name) = (CAST(:schema AS text), CAST(:name AS text)))
        ORDER BY created_at DESC
        OFFSET :offset LIMIT :limit
    ) b
    JOIN refresh.refresh_table_registry r USING (table_schema, table_name)
    CROSS JOIN LATERAL (
        SELECT sum(c.rows_expected) AS expected, sum(c.rows_received) AS received, min(c.started_at) AS started_at
        FROM refresh.refresh_checkpoint c
        WHERE c.run_id = b.run_id AND c.table_schema = b.table_schema AND c.table_name = b.table_name
    ) AS slices
    CROSS JOIN LATERAL (
        SELECT count(*) AS total, sum(p.rows) AS rows, count(*) FILTER (WHERE refresh.is_terminal(t.status)) AS done,
            coalesce(sum(p.rows) FILTER (WHERE refresh.is_terminal(t.status)), 0) AS rows_done,
            bool_or(p.run_id = b.run_id AND NOT refresh.is_terminal(t.status)) AS under_way
        FROM refresh.refresh_backfill_batch p
        LEFT JOIN refresh.refresh_task t ON t.run_id = p.run_id
        WHERE p.backfill_id = b.backfill_id
    ) AS parts
    CROSS JOIN LATERAL (
        SELECT parts.total AS batches_total, parts.done AS batches_done, slices.started_at,
            CASE b.visible WHEN 'end' THEN slices.expected WHEN 'slice' THEN parts.rows END::bigint AS rows_total,
            CASE b.visible WHEN 'end' THEN coalesce(slices.received, 0)
                ELSE parts.rows_done + CASE WHEN parts.under_way THEN coalesce(slices.received, 0) ELSE 0 END END::bigint AS rows_loaded
    ) AS progress
    CROSS JOIN LATERAL (
        SELECT CASE WHEN b.status = 'running' AND progress.rows_loaded > 0 THEN progress.rows_loaded
            / greatest(extract(epoch FROM now() - coalesce(b.planned_at, progress.started_at)), 0.1) END AS rows_per_second
    ) AS rate
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT n.run_id) AS runs, coalesce(sum(j.bytes_billed), 0)::bigint AS bytes_billed, coalesce(round(sum(
            coalesce(j.usd, j.bytes_billed / 1099511627776.0 * CAST(:usd_per_tib AS numeric))), 6), 0) AS usd
        FROM refresh.refresh_run n
        LEFT JOIN refresh.refresh_job_cost j ON j.run_id = n.run_id AND j.bytes_billed IS NOT NULL
        WHERE n.request ? 'backfill' AND n.request -> 'backfill' ->> 'id' = b.backfill_id::text
    ) AS billed
    CROSS JOIN LATERAL (
        SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY c.rows_received / greatest(extract(epoch FROM c.finished_at - c.started_at), 0.1))
            AS rows_per_second
        FROM refresh.refresh_checkpoint c
        WHERE c.table_schema = b.table_schema AND c.table_name = b.table_name AND c.status = 'done' AND c.rows_received > 0
            AND c.finished_at > now() - interval '14 days'
    ) AS lately
) AS listed
