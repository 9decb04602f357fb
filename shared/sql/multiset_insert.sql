INSERT INTO {target} ({columns})
SELECT {staged_values}
FROM refresh_staged i
JOIN {staging} s ON s.ctid = i.staged
WHERE NOT EXISTS (SELECT FROM refresh_live l WHERE l.image = i.image AND l.n = i.n)
