-- The next part's run, with the message that has it planned.
WITH next AS (
    SELECT p.batch_no, refresh.insert_backfill_run(b.backfill_id, b.table_schema || '.' || b.table_name, p.scope_from, p.scope_to,
        b.requested_by, false) AS run_id
    FROM refresh.refresh_backfill b
    JOIN refresh.refresh_backfill_batch p USING (backfill_id)
    WHERE b.backfill_id = :backfill_id AND p.run_id IS NULL
    ORDER BY p.batch_no
    LIMIT 1
), started AS (
    UPDATE refresh.refresh_backfill_batch p SET run_id = next.run_id FROM next
    WHERE p.backfill_id = :backfill_id AND p.batch_no = next.batch_no
)
UPDATE refresh.refresh_backfill b SET run_id = next.run_id FROM next WHERE b.backfill_id = :backfill_id
