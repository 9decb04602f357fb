-- Live rows of the scopes that the source no longer has. A row whose scope changed is staged under its new one, and stays.
DELETE FROM {target} t
WHERE {in_scopes} AND NOT EXISTS (SELECT FROM {staging} s WHERE {key_match})
