-- Without a key, equal rows are told apart by number: the n-th of an image here belongs to the n-th there.
CREATE TEMPORARY TABLE refresh_live ON COMMIT DROP AS
SELECT t.tableoid AS live_table, t.ctid AS live, i.image, row_number() OVER (PARTITION BY i.image) AS n
FROM {target} t
CROSS JOIN LATERAL (SELECT sha256(convert_to(ROW({live_row})::text, 'UTF8')) AS image) i
WHERE {in_scopes}
