-- Without a key there are no updates: live rows that have no equal one among those staged, and the other way round.
CREATE TEMPORARY TABLE refresh_pairs ON COMMIT DROP AS
SELECT NULL::tid AS staged, l.live_table, l.live
FROM refresh_live l
WHERE NOT EXISTS (SELECT FROM refresh_staged s WHERE s.image = l.image AND s.n = l.n)
UNION ALL
SELECT i.staged, NULL::oid, NULL::tid
FROM refresh_staged i
WHERE NOT EXISTS (SELECT FROM refresh_live l WHERE l.image = i.image AND l.n = i.n)
