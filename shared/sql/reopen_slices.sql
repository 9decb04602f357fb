-- A restart of the server has emptied the UNLOGGED staging table: these slices are staged again from their results.
WITH forgotten AS (
    DELETE FROM refresh.refresh_quarantine
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = ANY (CAST(:slices AS integer[]))
), before AS (
    SELECT sum(rows_read) AS rows_read, sum(rows_staged) AS rows_staged, sum(rows_quarantined) AS rows_quarantined,
        sum(rows_superseded) AS rows_superseded, sum(rows_merged) AS rows_merged, sum(bytes_billed) AS bytes_billed
    FROM refresh.refresh_checkpoint
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = ANY (CAST(:slices AS integer[]))
), reopened AS (
    UPDATE refresh.refresh_checkpoint
    SET status = 'pending', read_session = NULL, stream_offsets = '{}', figures_found = '{}', values_stripped = '{}', finished_at = NULL,
        rows_received = 0, rows_read = 0, rows_staged = 0, rows_quarantined = 0, rows_superseded = 0, rows_merged = 0
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = ANY (CAST(:slices AS integer[]))
)
UPDATE refresh.refresh_task t
SET phase = 'loading', lease_until = NULL, slices_open = cardinality(CAST(:slices AS integer[])), owed_at = clock_timestamp(),
    rows_read = t.rows_read - before.rows_read, rows_staged = t.rows_staged - before.rows_staged,
    rows_quarantined = t.rows_quarantined - before.rows_quarantined,
    rows_superseded = t.rows_superseded - before.rows_superseded, rows_merged = t.rows_merged - before.rows_merged,
    bytes_billed = t.bytes_billed - before.bytes_billed
FROM before
WHERE t.run_id = :run_id AND t.table_schema = :schema AND t.table_name = :name
