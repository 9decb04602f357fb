-- What a promotion needs to know of the rows in the shadow.
UPDATE refresh.refresh_shadow
SET columns = :columns, key_columns = :key_columns, scope_column = :scope_column, scope_bucket = :scope_bucket,
    held_scopes = :held_scopes
WHERE table_schema = :schema AND table_name = :name
