-- Retention is the database's own business, see the migrations.
SELECT refresh.cleanup() || refresh.cleanup_webhooks() || refresh.cleanup_reports() AS removed
