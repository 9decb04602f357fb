-- Owes a message for every open task that is free and has none under way. All times are the database's.
-- A task is free since its delay or lease ended, or since a slice's lease or delay ended, or, while no slice is held, since
-- the last one was done (with grace for the same worker to go on). A message that was owed after that is under way; after
-- ten minutes it counts as lost. A staged table of a publish group waits for the others; once all are staged, one of their
-- workers goes on, and after the same grace any may. SKIP LOCKED: a locked task is in its worker's transaction, which is as good as a lease.
WITH free AS (
    SELECT t.run_id, t.table_schema, t.table_name
    FROM refresh.refresh_task t
    JOIN refresh.refresh_run n USING (run_id)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE c.lease_until > now()) AS held,
            max(c.lease_until) FILTER (WHERE c.lease_until <= now()) AS lease_ended_at,
            max(c.not_before) FILTER (WHERE c.status = 'pending' AND c.started_at IS NOT NULL AND c.not_before <= now())
                AS delay_ended_at,
            min(c.not_before) FILTER (WHERE c.status = 'pending') AS pending_from,
            max(c.finished_at) AS done_at
        FROM refresh.refresh_checkpoint c
        WHERE c.run_id = t.run_id AND c.table_schema = t.table_schema AND c.table_name = t.table_name
    ) slices
    CROSS JOIN LATERAL (
        SELECT max(m.staged_at) AS staged_at, count(*) FILTER (WHERE m.phase IN ('planning', 'loading')) AS behind
        FROM refresh.refresh_task m
        WHERE m.run_id = t.run_id AND m.publish_group = t.publish_group AND m.status IN ('queued', 'running')
    ) unit
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN t.status = 'queued' THEN t.not_before
            WHEN t.lease_until > now() THEN NULL
            WHEN coalesce(slices.lease_ended_at, slices.delay_ended_at) IS NOT NULL
                THEN greatest(slices.lease_ended_at, slices.delay_ended_at)
            WHEN slices.held = 0
                THEN greatest(t.lease_until, slices.pending_from, slices.done_at + interval '30 seconds',
                    CASE WHEN t.phase = 'staged' THEN unit.staged_at + interval '30 seconds' END, t.not_before)
        END AS since
    ) free
    WHERE n.status = 'running' AND t.status IN ('queued', 'running')
        AND free.since <= now()
        AND (t.phase IN ('planning', 'loading') OR unit.behind = 0)
        AND (t.owed_at < free.since OR t.owed_at < now() - interval '10 minutes'
            OR (t.owed_at IS NULL AND t.status = 'running'))
    FOR NO KEY UPDATE OF t SKIP LOCKED
), owed AS (
    UPDATE refresh.refresh_task t
    SET owed_at = clock_timestamp()
    FROM free
    WHERE (t.run_id, t.table_schema, t.table_name) = (free.run_id, free.table_schema, free.table_name)
    RETURNING t.run_id, t.table_schema, t.table_name, t.handler, t.priority
), outbox AS (
    INSERT INTO refresh.refresh_outbox (topic, payload, attributes)
    SELECT CAST(:topics AS jsonb) ->> handler,
        jsonb_build_object('version', 1, 'run_id', run_id, 'table', table_schema || '.' || table_name,
            'lane', 0, 'continuation', 0),
        jsonb_build_object('run_id', run_id, 'table', table_schema || '.' || table_name)
    FROM owed
    ORDER BY priority, table_schema, table_name
)
SELECT run_id, table_schema || '.' || table_name AS table FROM owed
