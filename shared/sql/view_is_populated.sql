-- CONCURRENTLY needs a view that has been populated.
SELECT FROM pg_matviews
WHERE schemaname = :schema AND matviewname = :name AND ispopulated
