INSERT INTO {target} ({columns})
SELECT {staged_values}
FROM refresh_pairs p
JOIN {staging} s ON s.ctid = p.staged
WHERE p.live IS NULL
