-- The target's columns that can be written, in order.
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
    (a.atthasdef OR a.attidentity <> '') AS has_default, a.attgenerated <> '' AS generated
FROM pg_attribute a
WHERE a.attrelid = to_regclass(format('%I.%I', CAST(:schema AS text), CAST(:name AS text)))
    AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
