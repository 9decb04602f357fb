-- What a worker finds when a message names a task.
SELECT t.status, t.phase, t.mode, t.attempt, t.force, t.slices_open, t.slices_total, t.definition_hash, t.staging_table, t.scan_from,
    t.handler, t.publish_group, t.reason, t.error, t.rows_read, t.rows_staged, t.rows_quarantined, t.details ->> 'fill' AS fill,
    CASE WHEN t.force THEN t.created_at END AS forced_at,
    r.snapshot_at, r.trigger,
    -- Of a publish group, one table after the other may have been held: what was released before stays released.
    CASE WHEN r.request ->> 'release' = t.table_schema || '.' || t.table_name OR EXISTS (
        SELECT FROM refresh.refresh_task h
        JOIN refresh.refresh_data_quality q USING (run_id, table_schema, table_name)
        WHERE h.run_id = CAST(r.request ->> 'release_of' AS uuid) AND h.table_schema = t.table_schema
            AND h.table_name = t.table_name AND h.status = 'held' AND q.details ? 'released_from')
        THEN CAST(r.request ->> 'release_of' AS uuid) END AS release_of,
    CAST(r.request -> 'backfill' ->> 'id' AS uuid) AS backfill_id, CAST(r.request -> 'backfill' ->> 'from' AS date) AS backfill_from,
    CAST(r.request -> 'backfill' ->> 'to' AS date) AS backfill_to,
    r.request ->> 'replay_quarantine' IS NOT DISTINCT FROM t.table_schema || '.' || t.table_name AS replays_quarantine,
    (t.lease_until IS NULL OR t.lease_until < clock_timestamp()) AS unclaimed,
    t.not_before <= clock_timestamp() AS due
FROM refresh.refresh_task t
JOIN refresh.refresh_run r USING (run_id)
WHERE t.run_id = :run_id AND t.table_schema = :schema AND t.table_name = :name
