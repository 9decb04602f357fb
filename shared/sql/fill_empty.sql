-- Into an empty table there is nothing to compare with. Staged chunks are in key order, which the key's index likes.
INSERT INTO {target} ({columns})
SELECT {staged_values}
FROM {staging} s
