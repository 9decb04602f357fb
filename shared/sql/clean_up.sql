-- Retention is the database's own business, see the migrations.
SELECT refresh.cleanup() AS removed
