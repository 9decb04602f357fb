-- Refused by the database while a table reads it.
DELETE FROM refresh.refresh_named_sql WHERE name = :name RETURNING name
