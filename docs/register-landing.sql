-- Registers the tables of schema sqp with a landing table as their source, whose columns already have the names that the
-- workers read; the latest delivery of a row counts, by ingested_at and batch_id.
--     psql "$DATABASE_URL" -v source=project.dataset.table -f docs/register-landing.sql

SELECT entry.table_schema || '.' || entry.table_name AS registered
FROM (VALUES
    ('asin_performance_data', 'asin', 10, 'loaded_at'),
    ('search_query_performance', 'search_queries', 20, NULL),
    ('search_query_market', 'search_queries', 20, NULL)
) AS wanted (name, handler, priority, loaded_at_column),
    LATERAL refresh.register_table('sqp', wanted.name, source => :'source', handler => wanted.handler,
        priority => wanted.priority, loaded_at_column => wanted.loaded_at_column) AS entry;

-- The summaries, each with the tables that it waits for.
SELECT sqp.register_summaries() AS registered;

-- Dashboards join all of them: they change together or not at all.
UPDATE refresh.refresh_table_registry SET publish_group = 'sqp' WHERE table_schema = 'sqp';
