-- A named SQL as it is from now on; one that is as it was leaves no trail.
INSERT INTO refresh.refresh_named_sql AS n (name, sql, description) VALUES (:name, :query, :description)
ON CONFLICT (name) DO UPDATE SET sql = excluded.sql, description = excluded.description
WHERE (n.sql, n.description) IS DISTINCT FROM (excluded.sql, excluded.description)
RETURNING n.xmax = 0 AS is_new
