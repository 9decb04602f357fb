DELETE FROM {target} t
USING refresh_live l
WHERE t.tableoid = l.live_table AND t.ctid = l.live
    AND NOT EXISTS (SELECT FROM refresh_staged s WHERE s.image = l.image AND s.n = l.n)
