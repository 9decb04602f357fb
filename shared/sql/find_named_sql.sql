-- The text of a named SQL.
SELECT sql FROM refresh.refresh_named_sql WHERE name = :name
