DELETE FROM {target} t
WHERE {in_scopes}
