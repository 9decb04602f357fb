-- SKIP LOCKED: a publish holds its table's registry row for as long as it takes, and planning does not wait for it. A
-- table that is passed over is due once more at the next trigger, which finds nothing changed and sets it.
WITH free AS (
    SELECT r.table_schema, r.table_name, due.next_refresh_at
    FROM refresh.refresh_table_registry r
    JOIN unnest(CAST(:schemas AS text[]), CAST(:names AS text[]), CAST(:moments AS timestamptz[]))
        AS due (table_schema, table_name, next_refresh_at) USING (table_schema, table_name)
    FOR NO KEY UPDATE OF r SKIP LOCKED
)
UPDATE refresh.refresh_table_registry r
SET next_refresh_at = free.next_refresh_at
FROM free
WHERE (r.table_schema, r.table_name) = (free.table_schema, free.table_name)
    AND (r.next_refresh_at IS NULL OR r.next_refresh_at < free.next_refresh_at)
