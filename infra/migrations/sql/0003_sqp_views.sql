-- Summaries for dashboards. Own counts are summed over ASINs, market figures are taken once for each query and period
-- from sqp.search_query_market, and ratios are divided last, from the sums. Nothing in the market: NULL, not 0.

CREATE MATERIALIZED VIEW sqp.search_performance_summary AS
WITH brand_of_asin AS (
    SELECT DISTINCT ON (map.client_id, map.marketplace_id, map.asin)
        map.client_id,
        map.marketplace_id,
        map.asin,
        brands.brand
    FROM sqp.asin_brand_map AS map
    JOIN sqp.brands AS brands USING (client_id, brand_id)
    ORDER BY map.client_id, map.marketplace_id, map.asin, map.origin = 'manual' DESC
),
own AS (
    SELECT
        performance.client_id,
        performance.marketplace_id,
        performance.report_period,
        performance.period_start,
        coalesce(brand_of_asin.brand, 'unmapped') AS brand,
        performance.search_query_key,
        max(performance.period_end) AS period_end,
        count(*) AS n_own_asins,
        sum(performance.asin_impression_count)::bigint AS asin_impression_count,
        sum(performance.asin_click_count)::bigint AS asin_click_count,
        sum(performance.asin_cart_add_count)::bigint AS asin_cart_add_count,
        sum(performance.asin_purchase_count)::bigint AS asin_purchase_count
    FROM sqp.search_query_performance AS performance
    LEFT JOIN brand_of_asin USING (client_id, marketplace_id, asin)
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT
    own.client_id,
    own.marketplace_id,
    own.report_period,
    own.period_start,
    own.period_end,
    own.brand,
    own.search_query_key,
    market.search_query,
    own.n_own_asins,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count,
    asin_impression_count::numeric / nullif(total_query_impression_count, 0) AS impression_share,
    asin_click_count::numeric / nullif(total_click_count, 0) AS click_share,
    asin_cart_add_count::numeric / nullif(total_cart_add_count, 0) AS cart_add_share,
    asin_purchase_count::numeric / nullif(total_purchase_count, 0) AS purchase_share,
    asin_click_count::numeric / nullif(asin_impression_count, 0) AS click_through_rate,
    asin_cart_add_count::numeric / nullif(asin_click_count, 0) AS cart_add_rate,
    asin_purchase_count::numeric / nullif(asin_click_count, 0) AS purchase_rate,
    asin_purchase_count::numeric / nullif(asin_cart_add_count, 0) AS cart_to_purchase_rate,
    total_click_count::numeric / nullif(total_query_impression_count, 0) AS market_click_through_rate,
    total_cart_add_count::numeric / nullif(total_click_count, 0) AS market_cart_add_rate,
    total_purchase_count::numeric / nullif(total_click_count, 0) AS market_purchase_rate,
    total_purchase_count::numeric / nullif(total_cart_add_count, 0) AS market_cart_to_purchase_rate
FROM own
LEFT JOIN sqp.search_query_market AS market
    USING (client_id, marketplace_id, report_period, period_start, search_query_key);

CREATE UNIQUE INDEX search_performance_summary_key ON sqp.search_performance_summary
    (client_id, marketplace_id, report_period, period_start, brand, search_query_key);

COMMENT ON MATERIALIZED VIEW sqp.search_performance_summary IS
    'Brand × query × period. Brand is unmapped where sqp.asin_brand_map does not know the ASIN. Counts are events, shares and rates fractions recomputed from sums. Market figures repeat on each brand of a query: never sum them over brands.';

CREATE MATERIALIZED VIEW sqp.weekly_summary AS
WITH own AS (
    SELECT
        client_id,
        marketplace_id,
        period_start,
        count(DISTINCT asin) AS n_own_asins,
        sum(performance.asin_impression_count)::bigint AS asin_impression_count,
        sum(performance.asin_click_count)::bigint AS asin_click_count,
        sum(performance.asin_cart_add_count)::bigint AS asin_cart_add_count,
        sum(performance.asin_purchase_count)::bigint AS asin_purchase_count
    FROM sqp.search_query_performance AS performance
    WHERE report_period = 'WEEK'
    GROUP BY 1, 2, 3
),
market AS (
    SELECT
        client_id,
        marketplace_id,
        period_start,
        count(*) AS n_queries,
        count(*) FILTER (WHERE totals_disagree) AS n_totals_disagree,
        sum(search_query_volume)::bigint AS search_query_volume,
        sum(total_query_impression_count)::bigint AS total_query_impression_count,
        sum(total_click_count)::bigint AS total_click_count,
        sum(total_cart_add_count)::bigint AS total_cart_add_count,
        sum(total_purchase_count)::bigint AS total_purchase_count
    FROM sqp.search_query_market
    WHERE report_period = 'WEEK'
    GROUP BY 1, 2, 3
)
SELECT
    client_id,
    marketplace_id,
    period_start,
    period_start + 6 AS period_end,
    market.n_queries,
    own.n_own_asins,
    market.n_totals_disagree,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count,
    asin_impression_count::numeric / nullif(total_query_impression_count, 0) AS impression_share,
    asin_click_count::numeric / nullif(total_click_count, 0) AS click_share,
    asin_cart_add_count::numeric / nullif(total_cart_add_count, 0) AS cart_add_share,
    asin_purchase_count::numeric / nullif(total_purchase_count, 0) AS purchase_share,
    asin_click_count::numeric / nullif(asin_impression_count, 0) AS click_through_rate,
    asin_cart_add_count::numeric / nullif(asin_click_count, 0) AS cart_add_rate,
    asin_purchase_count::numeric / nullif(asin_click_count, 0) AS purchase_rate,
    asin_purchase_count::numeric / nullif(asin_cart_add_count, 0) AS cart_to_purchase_rate,
    total_click_count::numeric / nullif(total_query_impression_count, 0) AS market_click_through_rate,
    total_cart_add_count::numeric / nullif(total_click_count, 0) AS market_cart_add_rate,
    total_purchase_count::numeric / nullif(total_click_count, 0) AS market_purchase_rate,
    total_purchase_count::numeric / nullif(total_cart_add_count, 0) AS market_cart_to_purchase_rate
FROM market
FULL JOIN own USING (client_id, marketplace_id, period_start);

CREATE UNIQUE INDEX weekly_summary_key ON sqp.weekly_summary (client_id, marketplace_id, period_start);

COMMENT ON MATERIALIZED VIEW sqp.weekly_summary IS
    'Client × marketplace × week (Sunday to Saturday), from WEEK reports only, over all queries reported. Counts are events, shares and rates fractions recomputed from sums.';
COMMENT ON COLUMN sqp.weekly_summary.n_totals_disagree IS 'Queries whose rows delivered different totals; the latest delivery was taken.';

-- What a delivery got wrong without being refused for it. A warning each, never a dropped row.
CREATE VIEW sqp.quality_warnings AS
SELECT
    client_id,
    marketplace_id,
    report_period,
    period_start,
    count(*) FILTER (
        WHERE asin_impression_count > total_query_impression_count
            OR asin_click_count > total_click_count
            OR asin_cart_add_count > total_cart_add_count
            OR asin_purchase_count > total_purchase_count
    ) AS n_own_exceeds_total,
    count(*) FILTER (
        WHERE abs(asin_impression_share - asin_impression_count::numeric / nullif(total_query_impression_count, 0)) > 0.0002
            OR abs(asin_click_share - asin_click_count::numeric / nullif(total_click_count, 0)) > 0.0002
            OR abs(asin_cart_add_share - asin_cart_add_count::numeric / nullif(total_cart_add_count, 0)) > 0.0002
            OR abs(asin_purchase_share - asin_purchase_count::numeric / nullif(total_purchase_count, 0)) > 0.0002
    ) AS n_share_differs
FROM sqp.search_query_performance
GROUP BY client_id, marketplace_id, report_period, period_start;

COMMENT ON VIEW sqp.quality_warnings IS
    'Rows of a report whose own count exceeds the total, or whose share is off own ÷ total by more than 0.0002.';
