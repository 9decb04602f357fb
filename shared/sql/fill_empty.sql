-- Into an empty table there is nothing to compare with. In key order, the key's index grows at its right edge.
INSERT INTO {target} ({columns})
SELECT {staged_values}
FROM {staging} s
{order}
