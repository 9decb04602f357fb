-- One pass over both sides: staged rows that are new, live rows of the scopes that the source no longer has, and pairs that
-- differ. By row image, because IS DISTINCT FROM takes -0 for 0 and 1 month for 30 days. A live row whose scope changed
-- meets its staged one here by key, so it stays.
CREATE TEMPORARY TABLE refresh_pairs ON COMMIT DROP AS
SELECT s.ctid AS staged, t.tableoid AS live_table, t.ctid AS live
FROM {staging} s
FULL JOIN {live} t ON {key_match}
WHERE t.tableoid IS NULL OR (s.ctid IS NULL AND {in_scopes})
    OR (s.ctid IS NOT NULL AND ROW({live_row})::record *<> ROW({staged_row})::record)
