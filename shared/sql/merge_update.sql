UPDATE {target} t
SET {assignments}
FROM refresh_pairs p
JOIN {staging} s ON s.ctid = p.staged
WHERE t.tableoid = p.live_table AND t.ctid = p.live
