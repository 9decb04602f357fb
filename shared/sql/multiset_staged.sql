CREATE TEMPORARY TABLE refresh_staged ON COMMIT DROP AS
SELECT s.ctid AS staged, i.image, row_number() OVER (PARTITION BY i.image) AS n
FROM {staging} s
CROSS JOIN LATERAL (SELECT sha256(convert_to(ROW({staged_row})::text, 'UTF8')) AS image) i
