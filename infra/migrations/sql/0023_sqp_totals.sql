-- Sums of counts stay bigint: sum(bigint) goes by way of numeric, which took a third of the time of an analysis that reads
-- every query of a period. Too large a sum is an error, as with sum(…)::bigint.

CREATE AGGREGATE sqp.total(bigint) (sfunc = int8pl, stype = bigint, combinefunc = int8pl, parallel = safe);
COMMENT ON AGGREGATE sqp.total(bigint) IS 'Sum of counts as bigint; NULLs are left out, and of nothing but NULLs it is NULL.';

-- Of one period both sides come in the order of their index, without sort or hash; of several, each side is summed before
-- they meet; only one of the branches is planned.
CREATE OR REPLACE FUNCTION sqp.query_sums(client text, marketplace text, report_period text, periods date[])
RETURNS TABLE (
    search_query_key text, search_query text, n_periods bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint
) LANGUAGE sql STABLE AS $$
SELECT market.search_query_key, market.search_query, 1::bigint,
    own.asin_impression_count, own.asin_click_count, own.asin_cart_add_count, own.asin_purchase_count,
    market.search_query_volume, market.total_query_impression_count, market.total_click_count, market.total_cart_add_count, market.total_purchase_count
FROM (
    SELECT search_query_key,
        sqp.total(asin_impression_count) AS asin_impression_count,
        sqp.total(asin_click_count) AS asin_click_count,
        sqp.total(asin_cart_add_count) AS asin_cart_add_count,
        sqp.total(asin_purchase_count) AS asin_purchase_count
    FROM sqp.search_query_performance
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ($4)[1]
    GROUP BY search_query_key
) AS own
JOIN sqp.search_query_market AS market
    ON market.client_id = $1 AND market.marketplace_id = $2 AND market.report_period = $3 AND market.period_start = ($4)[1]
    AND market.search_query_key = own.search_query_key
WHERE cardinality($4) = 1
UNION ALL
SELECT search_query_key, market.search_query, market.n_periods,
    own.asin_impression_count, own.asin_click_count, own.asin_cart_add_count, own.asin_purchase_count,
    market.search_query_volume, market.total_query_impression_count, market.total_click_count, market.total_cart_add_count, market.total_purchase_count
FROM (
    SELECT search_query_key,
        sqp.total(asin_impression_count) AS asin_impression_count,
        sqp.total(asin_click_count) AS asin_click_count,
        sqp.total(asin_cart_add_count) AS asin_cart_add_count,
        sqp.total(asin_purchase_count) AS asin_purchase_count
    FROM sqp.search_query_performance
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)
    GROUP BY search_query_key
) AS own
JOIN (
    SELECT search_query_key, max(search_query) AS search_query, count(*) AS n_periods,
        sqp.total(search_query_volume) AS search_query_volume,
        sqp.total(total_query_impression_count) AS total_query_impression_count,
        sqp.total(total_click_count) AS total_click_count,
        sqp.total(total_cart_add_count) AS total_cart_add_count,
        sqp.total(total_purchase_count) AS total_purchase_count
    FROM sqp.search_query_market
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)
    GROUP BY search_query_key
) AS market USING (search_query_key)
WHERE cardinality($4) > 1
$$;

CREATE OR REPLACE FUNCTION sqp.cannibalisation(
    client text, marketplace text, report_period text, period_start date, min_impressions bigint DEFAULT 1, max_rows integer DEFAULT 50
) RETURNS TABLE (
    search_query_key text,
    search_query text,
    n_own_asins bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    impression_hhi numeric,
    top_asin text,
    top_asin_impression_share numeric,
    asins text[]
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.check_period($3, $4), sqp.check_limits($5, $6);
    RETURN QUERY
    WITH shared AS MATERIALIZED (
        SELECT search_query_key, count(*) FILTER (WHERE asin_impression_count >= greatest($5, 1)) AS n_own_asins,
            sqp.total(asin_impression_count) AS asin_impression_count,
            sqp.total(asin_click_count) AS asin_click_count,
            sqp.total(asin_cart_add_count) AS asin_cart_add_count,
            sqp.total(asin_purchase_count) AS asin_purchase_count
        FROM sqp.search_query_performance
        WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = $4
        GROUP BY search_query_key
        HAVING count(*) FILTER (WHERE asin_impression_count >= greatest($5, 1)) >= 2
        ORDER BY 3 DESC, search_query_key
        LIMIT $6
    )
    SELECT shared.search_query_key, market.search_query, shared.n_own_asins,
        shared.asin_impression_count, shared.asin_click_count, shared.asin_cart_add_count, shared.asin_purchase_count,
        spread.hhi, spread.asins[1], spread.top / nullif(shared.asin_impression_count, 0), spread.asins
    FROM shared
    LEFT JOIN sqp.search_query_market AS market
        ON market.client_id = $1 AND market.marketplace_id = $2 AND market.report_period = $3 AND market.period_start = $4
        AND market.search_query_key = shared.search_query_key
    CROSS JOIN LATERAL (
        SELECT sum((own.asin_impression_count::numeric / nullif(shared.asin_impression_count, 0)) ^ 2) AS hhi,
            max(own.asin_impression_count)::numeric AS top,
            array_agg(own.asin::text ORDER BY own.asin_impression_count DESC NULLS LAST, own.asin COLLATE "C")
                FILTER (WHERE own.asin_impression_count >= greatest($5, 1)) AS asins
        FROM sqp.search_query_performance AS own
        WHERE own.client_id = $1 AND own.marketplace_id = $2 AND own.report_period = $3 AND own.period_start = $4
            AND own.search_query_key = shared.search_query_key
    ) AS spread
    ORDER BY shared.asin_impression_count DESC, shared.search_query_key;
END $$;
