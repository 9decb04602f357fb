INSERT INTO {target} ({columns})
SELECT {staged_values}
FROM {staging} s
WHERE NOT EXISTS (SELECT FROM {target} t WHERE {key_match})
