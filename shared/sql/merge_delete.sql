DELETE FROM {target} t
USING refresh_pairs p
WHERE p.staged IS NULL AND t.tableoid = p.live_table AND t.ctid = p.live
