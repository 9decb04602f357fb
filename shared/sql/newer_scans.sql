-- What newer runs have scanned and published of a table; none, without a look at the history, when this is the newest.
-- A backfill has scanned as far as its range goes.
SELECT DISTINCT n.snapshot_at, t.scan_from, n.request -> 'backfill' ->> 'to' AS scan_to
FROM refresh.refresh_table_registry r
JOIN refresh.refresh_task t USING (table_schema, table_name)
JOIN refresh.refresh_run n USING (run_id)
WHERE r.table_schema = :schema AND r.table_name = :name
    AND (r.scanned_snapshot_at > :snapshot_at OR EXISTS (
        SELECT FROM refresh.refresh_backfill b
        WHERE b.table_schema = r.table_schema AND b.table_name = r.table_name AND b.snapshot_at > :snapshot_at))
    AND n.snapshot_at > :snapshot_at AND t.mode = :mode AND t.finished_at >= r.created_at
    AND t.status IN ('success', 'no_new_data', 'warning')
