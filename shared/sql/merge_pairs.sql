-- Staged rows that are new, or that differ from the live row of the same key: by row image, because IS DISTINCT FROM takes
-- -0 for 0 and 1 month for 30 days.
CREATE TEMPORARY TABLE refresh_pairs ON COMMIT DROP AS
SELECT s.ctid AS staged, t.tableoid AS live_table, t.ctid AS live
FROM {staging} s
LEFT JOIN {target} t ON {key_match}
WHERE t.tableoid IS NULL OR ROW({live_row})::record *<> ROW({staged_row})::record
