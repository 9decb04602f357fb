-- Lost clicks and purchases of the gaps are multiplied before they are divided, as in sqp.lost_purchases: the same figure to
-- the last digit. All else is divided for the rows that are returned alone, not for every query of the period.

CREATE OR REPLACE FUNCTION sqp.ctr_gap(
    client text, marketplace text, report_period text, first_period date, last_period date DEFAULT NULL, min_impressions bigint DEFAULT 100, max_rows integer DEFAULT 50
) RETURNS TABLE (
    search_query_key text,
    search_query text,
    n_periods bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    click_through_rate numeric,
    market_click_through_rate numeric,
    click_through_rate_index numeric,
    click_through_rate_gap_pp numeric,
    click_share_gap_pp numeric,
    lost_clicks numeric
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.check_limits($6, $7);
    periods := sqp.chosen_periods($1, $2, $3, $4, $5);
    RETURN QUERY
    WITH chosen AS MATERIALIZED (
        SELECT s.*,
            greatest(0, s.asin_impression_count * s.total_click_count::numeric / nullif(s.total_query_impression_count, 0)
                - s.asin_click_count) AS lost
        FROM sqp.query_sums($1, $2, $3, periods) AS s
        WHERE s.asin_impression_count >= greatest($6, 1)
        ORDER BY lost DESC NULLS LAST, s.search_query_key
        LIMIT $7
    )
    SELECT s.search_query_key, s.search_query, s.n_periods,
        s.asin_impression_count, s.asin_click_count, s.total_query_impression_count, s.total_click_count,
        ratio.click_through_rate, ratio.market_click_through_rate,
        ratio.click_through_rate / nullif(ratio.market_click_through_rate, 0),
        100 * (ratio.click_through_rate - ratio.market_click_through_rate),
        100 * (ratio.click_share - ratio.impression_share),
        s.lost
    FROM chosen AS s
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS ratio
    ORDER BY s.lost DESC NULLS LAST, s.search_query_key;
END $$;

CREATE OR REPLACE FUNCTION sqp.cvr_gap(
    client text, marketplace text, report_period text, first_period date, last_period date DEFAULT NULL, min_clicks bigint DEFAULT 5, max_rows integer DEFAULT 50
) RETURNS TABLE (
    search_query_key text,
    search_query text,
    n_periods bigint,
    asin_click_count bigint,
    asin_purchase_count bigint,
    total_click_count bigint,
    total_purchase_count bigint,
    purchase_rate numeric,
    market_purchase_rate numeric,
    rest_purchase_rate numeric,
    purchase_rate_index numeric,
    purchase_rate_gap_pp numeric,
    purchase_share_gap_pp numeric,
    lost_purchases_gap numeric
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.check_limits($6, $7);
    periods := sqp.chosen_periods($1, $2, $3, $4, $5);
    RETURN QUERY
    WITH chosen AS MATERIALIZED (
        SELECT s.*,
            greatest(0, s.asin_click_count * s.total_purchase_count::numeric / nullif(s.total_click_count, 0)
                - s.asin_purchase_count) AS lost
        FROM sqp.query_sums($1, $2, $3, periods) AS s
        WHERE s.asin_click_count >= greatest($6, 1)
        ORDER BY lost DESC NULLS LAST, s.search_query_key
        LIMIT $7
    )
    SELECT s.search_query_key, s.search_query, s.n_periods,
        s.asin_click_count, s.asin_purchase_count, s.total_click_count, s.total_purchase_count,
        ratio.purchase_rate, ratio.market_purchase_rate,
        (s.total_purchase_count - s.asin_purchase_count)::numeric / nullif(s.total_click_count - s.asin_click_count, 0),
        ratio.purchase_rate / nullif(ratio.market_purchase_rate, 0),
        100 * (ratio.purchase_rate - ratio.market_purchase_rate),
        100 * (ratio.purchase_share - ratio.click_share),
        s.lost
    FROM chosen AS s
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS ratio
    ORDER BY s.lost DESC NULLS LAST, s.search_query_key;
END $$;

CREATE OR REPLACE FUNCTION sqp.compare_periods(
    client text, marketplace text, report_period text, period_start date, comparison text DEFAULT NULL
) RETURNS TABLE (
    query_set text,
    compared_period date,
    n_queries bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    previous_asin_impression_count bigint,
    previous_asin_click_count bigint,
    previous_asin_cart_add_count bigint,
    previous_asin_purchase_count bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint,
    previous_search_query_volume bigint,
    previous_total_query_impression_count bigint,
    previous_total_click_count bigint,
    previous_total_cart_add_count bigint,
    previous_total_purchase_count bigint,
    asin_impression_count_change numeric,
    asin_click_count_change numeric,
    asin_cart_add_count_change numeric,
    asin_purchase_count_change numeric,
    search_query_volume_change numeric,
    total_query_impression_count_change numeric,
    total_click_count_change numeric,
    total_cart_add_count_change numeric,
    total_purchase_count_change numeric,
    impression_share numeric,
    click_share numeric,
    cart_add_share numeric,
    purchase_share numeric,
    previous_impression_share numeric,
    previous_click_share numeric,
    previous_cart_add_share numeric,
    previous_purchase_share numeric,
    impression_share_gap_pp numeric,
    click_share_gap_pp numeric,
    cart_add_share_gap_pp numeric,
    purchase_share_gap_pp numeric
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    compared date;
BEGIN
    PERFORM sqp.check_report($1, $2, $3);
    compared := sqp.compared_start($3, $4, $5);
    RETURN QUERY
    WITH joined AS (
        SELECT CASE WHEN before.search_query_key IS NULL THEN 'new' WHEN now.search_query_key IS NULL THEN 'lost' ELSE 'common' END AS query_set,
            now.asin_impression_count,
            now.asin_click_count,
            now.asin_cart_add_count,
            now.asin_purchase_count,
            now.search_query_volume,
            now.total_query_impression_count,
            now.total_click_count,
            now.total_cart_add_count,
            now.total_purchase_count,
            before.asin_impression_count AS previous_asin_impression_count,
            before.asin_click_count AS previous_asin_click_count,
            before.asin_cart_add_count AS previous_asin_cart_add_count,
            before.asin_purchase_count AS previous_asin_purchase_count,
            before.search_query_volume AS previous_search_query_volume,
            before.total_query_impression_count AS previous_total_query_impression_count,
            before.total_click_count AS previous_total_click_count,
            before.total_cart_add_count AS previous_total_cart_add_count,
            before.total_purchase_count AS previous_total_purchase_count
        FROM sqp.query_sums($1, $2, $3, ARRAY[$4]) AS now
        FULL JOIN sqp.query_sums($1, $2, $3, ARRAY[compared]) AS before USING (search_query_key)
    ),
    summed AS (
        SELECT query_set, count(*) AS n_queries,
            sqp.total(asin_impression_count) AS asin_impression_count,
            sqp.total(asin_click_count) AS asin_click_count,
            sqp.total(asin_cart_add_count) AS asin_cart_add_count,
            sqp.total(asin_purchase_count) AS asin_purchase_count,
            sqp.total(search_query_volume) AS search_query_volume,
            sqp.total(total_query_impression_count) AS total_query_impression_count,
            sqp.total(total_click_count) AS total_click_count,
            sqp.total(total_cart_add_count) AS total_cart_add_count,
            sqp.total(total_purchase_count) AS total_purchase_count,
            sqp.total(previous_asin_impression_count) AS previous_asin_impression_count,
            sqp.total(previous_asin_click_count) AS previous_asin_click_count,
            sqp.total(previous_asin_cart_add_count) AS previous_asin_cart_add_count,
            sqp.total(previous_asin_purchase_count) AS previous_asin_purchase_count,
            sqp.total(previous_search_query_volume) AS previous_search_query_volume,
            sqp.total(previous_total_query_impression_count) AS previous_total_query_impression_count,
            sqp.total(previous_total_click_count) AS previous_total_click_count,
            sqp.total(previous_total_cart_add_count) AS previous_total_cart_add_count,
            sqp.total(previous_total_purchase_count) AS previous_total_purchase_count
        FROM joined
        WHERE EXISTS (
            SELECT FROM sqp.search_query_market
            WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = compared)
        GROUP BY query_set
    )
    SELECT s.query_set, compared, s.n_queries,
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.previous_asin_impression_count, s.previous_asin_click_count, s.previous_asin_cart_add_count, s.previous_asin_purchase_count,
        s.search_query_volume, s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count,
        s.previous_search_query_volume, s.previous_total_query_impression_count, s.previous_total_click_count, s.previous_total_cart_add_count, s.previous_total_purchase_count,
        s.asin_impression_count::numeric / nullif(s.previous_asin_impression_count, 0) - 1,
        s.asin_click_count::numeric / nullif(s.previous_asin_click_count, 0) - 1,
        s.asin_cart_add_count::numeric / nullif(s.previous_asin_cart_add_count, 0) - 1,
        s.asin_purchase_count::numeric / nullif(s.previous_asin_purchase_count, 0) - 1,
        s.search_query_volume::numeric / nullif(s.previous_search_query_volume, 0) - 1,
        s.total_query_impression_count::numeric / nullif(s.previous_total_query_impression_count, 0) - 1,
        s.total_click_count::numeric / nullif(s.previous_total_click_count, 0) - 1,
        s.total_cart_add_count::numeric / nullif(s.previous_total_cart_add_count, 0) - 1,
        s.total_purchase_count::numeric / nullif(s.previous_total_purchase_count, 0) - 1,
        now.impression_share, now.click_share, now.cart_add_share, now.purchase_share,
        before.impression_share, before.click_share, before.cart_add_share, before.purchase_share,
        100 * (now.impression_share - before.impression_share),
        100 * (now.click_share - before.click_share),
        100 * (now.cart_add_share - before.cart_add_share),
        100 * (now.purchase_share - before.purchase_share)
    FROM summed AS s
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS now
    CROSS JOIN LATERAL sqp.ratios(
        s.previous_asin_impression_count, s.previous_asin_click_count, s.previous_asin_cart_add_count, s.previous_asin_purchase_count,
        s.previous_total_query_impression_count, s.previous_total_click_count, s.previous_total_cart_add_count, s.previous_total_purchase_count
    ) AS before
    ORDER BY s.query_set;
END $$;

-- Two periods meet by query: a hash of one side takes a fifth less than sorting both, which the planner prefers because it
-- cannot know that a query stands once on each side.
ALTER FUNCTION sqp.compare_periods(text, text, text, date, text) SET enable_mergejoin = off;
ALTER FUNCTION sqp.new_and_lost_queries(text, text, text, date, text, integer) SET enable_mergejoin = off;
ALTER FUNCTION sqp.share_movers(text, text, text, date, text, text, bigint, integer) SET enable_mergejoin = off;
