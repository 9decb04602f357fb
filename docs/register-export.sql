-- Registers the tables of schema sqp with the flat export as their source: one wide table, names with spaces.
-- Leave out of the column map what your export does not have; what is needed and missing, the first run names.
--     psql "$DATABASE_URL" -v source=project.dataset.table -f docs/register-export.sql

SELECT entry.table_schema || '.' || entry.table_name AS registered
FROM (VALUES
    ('asin_performance_data', 'asin', 10, 'loaded_at'),
    ('search_query_performance', 'search_queries', 20, NULL),
    ('search_query_market', 'search_queries', 20, NULL)
) AS wanted (name, handler, priority, loaded_at_column),
    LATERAL refresh.register_table('sqp', wanted.name, source => :'source', handler => wanted.handler,
        priority => wanted.priority, loaded_at_column => wanted.loaded_at_column,
        column_map => '{
        "Date": "start_date",
        "Client Name": "client_id",
        "Marketplace": "marketplace_id",
        "Parent ASIN": "parent_asin",
        "Child ASIN": "asin",
        "Product Name": "title",
        "Search Query": "search_query",
        "Search Query Score": "search_query_score",
        "Search Query Volume": "search_query_volume",
        "Total Query Impression Count": "total_query_impression_count",
        "ASIN Impression Count": "asin_impression_count",
        "ASIN Impression Share": "asin_impression_share",
        "Total Click Count": "total_click_count",
        "Total Click Rate": "total_click_rate",
        "ASIN Click Count": "asin_click_count",
        "ASIN Click Share": "asin_click_share",
        "Total Median Click Price Amount": "total_median_click_price_amount",
        "ASIN Median Click Price Amount": "asin_median_click_price_amount",
        "Total Same Day Shipping Click Count": "total_same_day_shipping_click_count",
        "Total One Day Shipping Click Count": "total_one_day_shipping_click_count",
        "Total Two Day Shipping Click Count": "total_two_day_shipping_click_count",
        "Total Cart Add Count": "total_cart_add_count",
        "Total Cart Add Rate": "total_cart_add_rate",
        "ASIN Cart Add Count": "asin_cart_add_count",
        "ASIN Cart Add Share": "asin_cart_add_share",
        "Total Median Cart Add Price Amount": "total_median_cart_add_price_amount",
        "ASIN Median Cart Add Price Amount": "asin_median_cart_add_price_amount",
        "Total Same Day Shipping Cart Add Count": "total_same_day_shipping_cart_add_count",
        "Total One Day Shipping Cart Add Count": "total_one_day_shipping_cart_add_count",
        "Total Two Day Shipping Cart Add Count": "total_two_day_shipping_cart_add_count",
        "Total Purchase Count": "total_purchase_count",
        "Total Purchase Rate": "total_purchase_rate",
        "ASIN Purchase Count": "asin_purchase_count",
        "ASIN Purchase Share": "asin_purchase_share",
        "Total Median Purchase Price Amount": "total_median_purchase_price_amount",
        "ASIN Median Purchase Price Amount": "asin_median_purchase_price_amount",
        "Total Same Day Shipping Purchase Count": "total_same_day_shipping_purchase_count",
        "Total One Day Shipping Purchase Count": "total_one_day_shipping_purchase_count",
        "Total Two Day Shipping Purchase Count": "total_two_day_shipping_purchase_count"
        }') AS entry;

-- The summaries, each with the tables that it waits for.
SELECT sqp.register_summaries() AS registered;

-- Dashboards join all of them: they change together or not at all.
UPDATE refresh.refresh_table_registry SET publish_group = 'sqp' WHERE table_schema = 'sqp';
