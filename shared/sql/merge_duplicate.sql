-- One key that stands more than once in what was staged.
SELECT ROW({staged_key})::text AS key, count(*) AS times
FROM {staging} s
GROUP BY {staged_key}
HAVING count(*) > 1
LIMIT 1
