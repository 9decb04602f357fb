-- The next slice that nobody works on. SKIP LOCKED lets lanes pass each other instead of queueing.
WITH free AS (
    SELECT c.run_id, c.table_schema, c.table_name, c.slice_no
    FROM refresh.refresh_checkpoint c
    JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
    WHERE c.run_id = :run_id AND c.table_schema = :schema AND c.table_name = :name
        AND t.status = 'running' AND t.phase = 'loading'
        AND c.status IN ('pending', 'running')
        AND (c.lease_until IS NULL OR c.lease_until < clock_timestamp())
        AND c.not_before <= clock_timestamp()
    ORDER BY c.slice_no
    LIMIT 1
    FOR UPDATE OF c SKIP LOCKED
)
UPDATE refresh.refresh_checkpoint c
SET status = 'running', epoch = c.epoch + 1, attempt = c.attempt + 1,
    lease_until = clock_timestamp() + make_interval(secs => :lease_seconds),
    started_at = coalesce(c.started_at, clock_timestamp())
FROM free
WHERE (c.run_id, c.table_schema, c.table_name, c.slice_no) = (free.run_id, free.table_schema, free.table_name, free.slice_no)
RETURNING c.slice_no, c.epoch, c.attempt, c.scope_values, c.generation, c.job_id, c.read_session, c.stream_offsets,
    c.rows_expected, c.rows_received, c.rows_read, c.rows_staged, c.rows_quarantined, c.rows_superseded, c.rows_merged,
    c.figures_expected, c.figures_found, c.values_stripped
