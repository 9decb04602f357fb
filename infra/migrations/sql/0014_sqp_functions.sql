-- The analyses. Each answers for one client, marketplace and report period, from the tables, so that it never lags behind
-- a summary; the formula stands in its comment. All sum before they divide, and take a market figure once for each query
-- and period. Their plans are made for the values at hand: a plan for any value would not use the indexes.

-- Own counts of a period, or of a query in it, without a look at the table.
CREATE INDEX search_query_performance_query ON sqp.search_query_performance
    (client_id, marketplace_id, report_period, period_start, search_query_key)
    INCLUDE (asin, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count);

CREATE FUNCTION sqp.check_report(client text, marketplace text, report_period text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sqp.require('client', $1), sqp.require('marketplace', $2), sqp.require('report_period', $3);
    IF $3 NOT IN ('WEEK', 'MONTH', 'QUARTER') THEN
        RAISE EXCEPTION 'report_period is %', $3 USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Use WEEK, MONTH or QUARTER.';
    END IF;
END $$;

CREATE FUNCTION sqp.check_period(report_period text, period_start date) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whole date := CASE $1
        WHEN 'WEEK' THEN $2 - extract(dow FROM $2)::integer
        ELSE date_trunc(lower($1), $2::timestamp)::date END;
BEGIN
    IF $2 IS NULL THEN
        RAISE EXCEPTION 'the period is missing' USING ERRCODE = 'invalid_parameter_value', HINT = 'Give its first day.';
    ELSIF $2 <> whole THEN
        RAISE EXCEPTION '% is no first day of a %', $2, lower($1) USING ERRCODE = 'invalid_parameter_value',
            HINT = format('It lies in the %s of %s; weeks begin on Sunday.', lower($1), whole);
    END IF;
END $$;

CREATE FUNCTION sqp.check_limits(min_count bigint, max_rows integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF $1 IS NULL OR $1 < 0 THEN
        RAISE EXCEPTION 'the minimum count is %', coalesce($1::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give 0 or more.';
    ELSIF $2 IS NULL OR $2 NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'max_rows is %', coalesce($2::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give 1 to 100000.';
    END IF;
END $$;

CREATE FUNCTION sqp.check_stage(stage text, stages text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF $1 IS NULL OR $1 <> ALL ($2) THEN
        RAISE EXCEPTION 'stage is %', coalesce($1, 'NULL') USING ERRCODE = 'invalid_parameter_value',
            HINT = format('Use one of %s.', array_to_string($2, ', '));
    END IF;
END $$;

CREATE FUNCTION sqp.compared_start(report_period text, period_start date, comparison text) RETURNS date
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    usual text := CASE $1 WHEN 'WEEK' THEN 'WoW' WHEN 'MONTH' THEN 'MoM' ELSE 'QoQ' END;
BEGIN
    PERFORM sqp.check_period($1, $2);
    CASE lower(coalesce($3, usual))
        WHEN lower(usual) THEN RETURN sqp.previous_start($1, $2);
        WHEN 'yoy' THEN RETURN sqp.year_before($1, $2);
        ELSE
            RAISE EXCEPTION 'comparison % does not suit report_period %', $3, $1
                USING ERRCODE = 'invalid_parameter_value', HINT = format('Use %s or YoY.', usual);
    END CASE;
END $$;
COMMENT ON FUNCTION sqp.compared_start IS
    'Start of the period to compare with: WoW 7 days, MoM one month, QoQ three months, YoY one year (a week: 364 days) before. NULL is the one of the report period.';

-- From one period to the next by the primary key: as many steps as there are periods, however many rows they have.
CREATE FUNCTION sqp.periods_between(client text, marketplace text, report_period text, first_period date, last_period date)
RETURNS date[] LANGUAGE sql STABLE AS $$
WITH RECURSIVE period (period_start) AS (
    (
        SELECT period_start FROM sqp.search_query_market
        WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start >= coalesce($4, '-infinity')
        ORDER BY period_start LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT market.period_start FROM sqp.search_query_market AS market
        WHERE market.client_id = $1 AND market.marketplace_id = $2 AND market.report_period = $3
            AND market.period_start > period.period_start
        ORDER BY market.period_start LIMIT 1
    )
    FROM period WHERE period.period_start IS NOT NULL
)
SELECT coalesce(array_agg(period_start), '{}') FROM period WHERE period_start <= coalesce($5, 'infinity')
$$;
COMMENT ON FUNCTION sqp.periods_between IS 'Starts of the periods with a report, from the first to the last given, both included; NULL: no bound.';

CREATE FUNCTION sqp.chosen_periods(client text, marketplace text, report_period text, first_period date, last_period date)
RETURNS date[] LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sqp.check_report($1, $2, $3);
    PERFORM sqp.check_period($3, $4);
    IF $5 IS NULL THEN
        RETURN ARRAY[$4];
    END IF;
    PERFORM sqp.check_period($3, $5);
    IF $5 < $4 THEN
        RAISE EXCEPTION 'last_period % is before first_period %', $5, $4 USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give them in order, or leave last_period out for one period.';
    END IF;
    RETURN sqp.periods_between($1, $2, $3, $4, $5);
END $$;

-- Of one period both sides come in the order of their index, without sort or hash; only one of the branches is planned.
CREATE FUNCTION sqp.query_sums(client text, marketplace text, report_period text, periods date[])
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
        sum(asin_impression_count)::bigint AS asin_impression_count,
        sum(asin_click_count)::bigint AS asin_click_count,
        sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
        sum(asin_purchase_count)::bigint AS asin_purchase_count
    FROM sqp.search_query_performance
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ($4)[1]
    GROUP BY search_query_key
) AS own
JOIN sqp.search_query_market AS market
    ON market.client_id = $1 AND market.marketplace_id = $2 AND market.report_period = $3 AND market.period_start = ($4)[1]
    AND market.search_query_key = own.search_query_key
WHERE cardinality($4) = 1
UNION ALL
SELECT search_query_key, max(search_query), count(search_query),
    sum(asin_impression_count)::bigint AS asin_impression_count,
    sum(asin_click_count)::bigint AS asin_click_count,
    sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
    sum(asin_purchase_count)::bigint AS asin_purchase_count,
    sum(search_query_volume)::bigint AS search_query_volume,
    sum(total_query_impression_count)::bigint AS total_query_impression_count,
    sum(total_click_count)::bigint AS total_click_count,
    sum(total_cart_add_count)::bigint AS total_cart_add_count,
    sum(total_purchase_count)::bigint AS total_purchase_count
FROM (
    SELECT search_query_key, NULL AS search_query, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
        NULL::bigint AS search_query_volume, NULL::bigint AS total_query_impression_count, NULL::bigint AS total_click_count, NULL::bigint AS total_cart_add_count, NULL::bigint AS total_purchase_count
    FROM sqp.search_query_performance
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)
    UNION ALL
    SELECT search_query_key, search_query, NULL, NULL, NULL, NULL,
        search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
    FROM sqp.search_query_market
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)
) AS side
WHERE cardinality($4) > 1
GROUP BY search_query_key
$$;
COMMENT ON FUNCTION sqp.query_sums IS 'Own and market sums of every query over the given periods; the market once for each query and period.';

CREATE FUNCTION sqp.keyword_sums(client text, marketplace text, report_period text, periods date[], keys text[])
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
SELECT search_query_key, market.search_query, market.n_periods,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
FROM (
    SELECT search_query_key,
        sum(asin_impression_count)::bigint AS asin_impression_count,
        sum(asin_click_count)::bigint AS asin_click_count,
        sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
        sum(asin_purchase_count)::bigint AS asin_purchase_count
    FROM sqp.search_query_performance
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)
        AND search_query_key = ANY ($5)
    GROUP BY search_query_key
) AS own
JOIN (
    SELECT search_query_key, max(search_query) AS search_query, count(*) AS n_periods,
        sum(search_query_volume)::bigint AS search_query_volume,
        sum(total_query_impression_count)::bigint AS total_query_impression_count,
        sum(total_click_count)::bigint AS total_click_count,
        sum(total_cart_add_count)::bigint AS total_cart_add_count,
        sum(total_purchase_count)::bigint AS total_purchase_count
    FROM sqp.search_query_market
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)
        AND search_query_key = ANY ($5)
    GROUP BY search_query_key
) AS market USING (search_query_key)
$$;
COMMENT ON FUNCTION sqp.keyword_sums IS 'As sqp.query_sums, for the queries of the given keys.';

CREATE FUNCTION sqp.keyword_funnel(
    client text, marketplace text, report_period text, query text, first_period date, last_period date DEFAULT NULL
) RETURNS TABLE (
    search_query_key text,
    search_query text,
    n_periods bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint,
    impression_share numeric,
    click_share numeric,
    cart_add_share numeric,
    purchase_share numeric,
    click_through_rate numeric,
    cart_add_rate numeric,
    purchase_rate numeric,
    cart_to_purchase_rate numeric,
    market_click_through_rate numeric,
    market_cart_add_rate numeric,
    market_purchase_rate numeric,
    market_cart_to_purchase_rate numeric,
    click_through_rate_index numeric,
    cart_add_rate_index numeric,
    purchase_rate_index numeric
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.require('query', $4);
    periods := sqp.chosen_periods($1, $2, $3, $5, $6);
    RETURN QUERY
    SELECT s.*, ratio.*,
        ratio.click_through_rate / nullif(ratio.market_click_through_rate, 0),
        ratio.cart_add_rate / nullif(ratio.market_cart_add_rate, 0),
        ratio.purchase_rate / nullif(ratio.market_purchase_rate, 0)
    FROM sqp.keyword_sums($1, $2, $3, periods, ARRAY[sqp.query_key($4)]) AS s
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS ratio;
END $$;
COMMENT ON FUNCTION sqp.keyword_funnel IS
    'One query from impression to purchase, own and market, over one or more periods. Shares i/I, c/C, k/K, p/P; rates c/i, k/c, p/c, p/k and the same of the market; an index is own rate ÷ market rate. The query is found by its key, in any spelling; no row where it was not reported.';

CREATE FUNCTION sqp.keyword_market_share(
    client text, marketplace text, report_period text, query text, first_period date, last_period date DEFAULT NULL
) RETURNS TABLE (
    asin text,
    brand text,
    n_periods bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint,
    impression_share numeric,
    click_share numeric,
    cart_add_share numeric,
    purchase_share numeric
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.require('query', $4);
    periods := sqp.chosen_periods($1, $2, $3, $5, $6);
    RETURN QUERY
    WITH market AS (
        SELECT sum(search_query_volume)::bigint AS search_query_volume,
            sum(total_query_impression_count)::bigint AS total_query_impression_count,
            sum(total_click_count)::bigint AS total_click_count,
            sum(total_cart_add_count)::bigint AS total_cart_add_count,
            sum(total_purchase_count)::bigint AS total_purchase_count
        FROM sqp.search_query_market
        WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3
            AND period_start = ANY (periods) AND search_query_key = sqp.query_key($4)
    ),
    own AS (
        SELECT asin, count(*) AS n_periods,
            sum(asin_impression_count)::bigint AS asin_impression_count,
            sum(asin_click_count)::bigint AS asin_click_count,
            sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
            sum(asin_purchase_count)::bigint AS asin_purchase_count
        FROM sqp.search_query_performance
        WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3
            AND period_start = ANY (periods) AND search_query_key = sqp.query_key($4)
        GROUP BY asin
    )
    SELECT own.asin::text, coalesce(named.brand, 'unmapped'), own.n_periods,
        own.asin_impression_count, own.asin_click_count, own.asin_cart_add_count, own.asin_purchase_count,
        market.search_query_volume, market.total_query_impression_count, market.total_click_count, market.total_cart_add_count, market.total_purchase_count,
        ratio.impression_share, ratio.click_share, ratio.cart_add_share, ratio.purchase_share
    FROM own
    CROSS JOIN market
    LEFT JOIN sqp.brand_of_asin AS named ON named.client_id = $1 AND named.marketplace_id = $2 AND named.asin = own.asin
    CROSS JOIN LATERAL sqp.ratios(
        own.asin_impression_count, own.asin_click_count, own.asin_cart_add_count, own.asin_purchase_count,
        market.total_query_impression_count, market.total_click_count, market.total_cart_add_count, market.total_purchase_count
    ) AS ratio
    ORDER BY own.asin_impression_count DESC NULLS LAST, own.asin;
END $$;
COMMENT ON FUNCTION sqp.keyword_market_share IS
    'The shares of each own ASIN in the market of one query: own sums of the ASIN ÷ market sums of the query over the periods given. They add up to the shares of sqp.keyword_funnel; the market figures are the same on every row.';

CREATE FUNCTION sqp.compare_keywords(
    client text, marketplace text, report_period text, search_queries text[], first_period date, last_period date DEFAULT NULL
) RETURNS TABLE (
    search_query_key text,
    search_query text,
    n_periods bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint,
    impression_share numeric,
    click_share numeric,
    cart_add_share numeric,
    purchase_share numeric,
    click_through_rate numeric,
    cart_add_rate numeric,
    purchase_rate numeric,
    cart_to_purchase_rate numeric,
    market_click_through_rate numeric,
    market_cart_add_rate numeric,
    market_purchase_rate numeric,
    market_cart_to_purchase_rate numeric
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    periods date[];
    keys text[];
BEGIN
    IF cardinality($4) NOT BETWEEN 1 AND 10 OR $4 IS NULL OR array_position($4, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'search_queries has % queries', coalesce(cardinality($4), 0)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 10 queries, none of them NULL.';
    END IF;
    periods := sqp.chosen_periods($1, $2, $3, $5, $6);
    keys := ARRAY(SELECT sqp.query_key(text) FROM unnest($4) AS text);
    RETURN QUERY
    SELECT asked.key, coalesce(s.search_query, asked.text), s.n_periods, s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.search_query_volume, s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count,
        ratio.*
    FROM (
        SELECT sqp.query_key(given.text) AS key, min(given.text) AS text, min(given.place) AS place
        FROM unnest($4) WITH ORDINALITY AS given (text, place) GROUP BY 1
    ) AS asked
    LEFT JOIN sqp.keyword_sums($1, $2, $3, periods, keys) AS s ON s.search_query_key = asked.key
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS ratio
    ORDER BY asked.place;
END $$;
COMMENT ON FUNCTION sqp.compare_keywords IS
    'Up to 10 queries side by side, in the order given, each as in sqp.keyword_funnel. A query that was not reported has NULL figures, not 0.';

CREATE FUNCTION sqp.keyword_trend(
    client text, marketplace text, report_period text, search_query text, first_period date DEFAULT NULL, last_period date DEFAULT NULL
) RETURNS TABLE (
    period_start date,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint,
    impression_share numeric,
    click_share numeric,
    cart_add_share numeric,
    purchase_share numeric,
    click_through_rate numeric,
    cart_add_rate numeric,
    purchase_rate numeric,
    cart_to_purchase_rate numeric,
    market_click_through_rate numeric,
    market_cart_add_rate numeric,
    market_purchase_rate numeric,
    market_cart_to_purchase_rate numeric,
    search_query_volume_change numeric,
    asin_purchase_count_change numeric,
    impression_share_gap_pp numeric,
    click_share_gap_pp numeric,
    cart_add_share_gap_pp numeric,
    purchase_share_gap_pp numeric
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.require('query', $4);
    IF $5 IS NOT NULL THEN
        PERFORM sqp.check_period($3, $5);
    END IF;
    periods := sqp.periods_between($1, $2, $3, $5, $6);
    RETURN QUERY
    WITH s AS (
        SELECT period_start, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
            search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
        FROM (
            SELECT period_start,
                sum(asin_impression_count)::bigint AS asin_impression_count,
                sum(asin_click_count)::bigint AS asin_click_count,
                sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
                sum(asin_purchase_count)::bigint AS asin_purchase_count
            FROM sqp.search_query_performance
            WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3
                AND period_start = ANY (periods) AND search_query_key = sqp.query_key($4)
            GROUP BY period_start
        ) AS own
        JOIN (
            SELECT period_start, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
            FROM sqp.search_query_market
            WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3
                AND period_start = ANY (periods) AND search_query_key = sqp.query_key($4)
        ) AS market USING (period_start)
    ),
    divided AS (
        SELECT s.*, ratio.*
        FROM s CROSS JOIN LATERAL sqp.ratios(
            s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
            s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
        ) AS ratio
    )
    SELECT now.*,
        now.search_query_volume::numeric / nullif(before.search_query_volume, 0) - 1,
        now.asin_purchase_count::numeric / nullif(before.asin_purchase_count, 0) - 1,
        100 * (now.impression_share - before.impression_share),
        100 * (now.click_share - before.click_share),
        100 * (now.cart_add_share - before.cart_add_share),
        100 * (now.purchase_share - before.purchase_share)
    FROM divided AS now
    LEFT JOIN divided AS before ON before.period_start = sqp.previous_start($3, now.period_start)
    ORDER BY now.period_start;
END $$;
COMMENT ON FUNCTION sqp.keyword_trend IS
    'One query period by period. A _change is now ÷ the period before − 1, a _gap_pp the share now − the share before in percentage points; both are NULL where the period before was not reported or, for a change, was 0. Periods without the query are left out, not filled.';

CREATE FUNCTION sqp.compare_periods(
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
            sum(asin_impression_count)::bigint AS asin_impression_count,
            sum(asin_click_count)::bigint AS asin_click_count,
            sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
            sum(asin_purchase_count)::bigint AS asin_purchase_count,
            sum(search_query_volume)::bigint AS search_query_volume,
            sum(total_query_impression_count)::bigint AS total_query_impression_count,
            sum(total_click_count)::bigint AS total_click_count,
            sum(total_cart_add_count)::bigint AS total_cart_add_count,
            sum(total_purchase_count)::bigint AS total_purchase_count,
            sum(previous_asin_impression_count)::bigint AS previous_asin_impression_count,
            sum(previous_asin_click_count)::bigint AS previous_asin_click_count,
            sum(previous_asin_cart_add_count)::bigint AS previous_asin_cart_add_count,
            sum(previous_asin_purchase_count)::bigint AS previous_asin_purchase_count,
            sum(previous_search_query_volume)::bigint AS previous_search_query_volume,
            sum(previous_total_query_impression_count)::bigint AS previous_total_query_impression_count,
            sum(previous_total_click_count)::bigint AS previous_total_click_count,
            sum(previous_total_cart_add_count)::bigint AS previous_total_cart_add_count,
            sum(previous_total_purchase_count)::bigint AS previous_total_purchase_count
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
COMMENT ON FUNCTION sqp.compare_periods IS
    'A period against the one before (WoW, MoM, QoQ by report period) or a year before (YoY; of a week 364 days). The row common is over the queries of both periods: change = now ÷ before − 1, gap = share now − share before in percentage points, shares from sums. The rows new and lost sum the queries that only one of the two has, which have nothing to be compared with. No rows where the earlier period was not reported.';

CREATE FUNCTION sqp.new_and_lost_queries(
    client text, marketplace text, report_period text, period_start date, comparison text DEFAULT NULL, max_rows integer DEFAULT 100
) RETURNS TABLE (
    query_set text,
    search_query_key text,
    search_query text,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    compared date;
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.check_limits(0, $6);
    compared := sqp.compared_start($3, $4, $5);
    RETURN QUERY
    SELECT CASE WHEN before.search_query_key IS NULL THEN 'new' ELSE 'lost' END,
        search_query_key, coalesce(now.search_query, before.search_query),
        coalesce(now.asin_impression_count, before.asin_impression_count),
        coalesce(now.asin_click_count, before.asin_click_count),
        coalesce(now.asin_cart_add_count, before.asin_cart_add_count),
        coalesce(now.asin_purchase_count, before.asin_purchase_count),
        coalesce(now.search_query_volume, before.search_query_volume),
        coalesce(now.total_query_impression_count, before.total_query_impression_count),
        coalesce(now.total_click_count, before.total_click_count),
        coalesce(now.total_cart_add_count, before.total_cart_add_count),
        coalesce(now.total_purchase_count, before.total_purchase_count)
    FROM sqp.query_sums($1, $2, $3, ARRAY[$4]) AS now
    FULL JOIN sqp.query_sums($1, $2, $3, ARRAY[compared]) AS before USING (search_query_key)
    WHERE (now.search_query_key IS NULL OR before.search_query_key IS NULL)
        AND EXISTS (
            SELECT FROM sqp.search_query_market
            WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = compared)
        AND EXISTS (
            SELECT FROM sqp.search_query_market
            WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = $4)
    ORDER BY coalesce(now.asin_impression_count, before.asin_impression_count) DESC NULLS LAST, search_query_key
    LIMIT $6;
END $$;
COMMENT ON FUNCTION sqp.new_and_lost_queries IS
    'Queries with an own row in the period and none in the one it is compared with (new), and the other way round (lost), each with the figures of the period that has it; most own impressions first. No rows where either period was not reported. Reports end at about 100 queries of an ASIN, so a lost query may only have sunk below that.';

CREATE FUNCTION sqp.share_movers(
    client text, marketplace text, report_period text, period_start date, comparison text DEFAULT NULL, stage text DEFAULT 'purchase', min_total bigint DEFAULT 10, max_rows integer DEFAULT 20
) RETURNS TABLE (
    search_query_key text,
    search_query text,
    asin_count bigint,
    previous_asin_count bigint,
    total_count bigint,
    previous_total_count bigint,
    share numeric,
    previous_share numeric,
    share_gap_pp numeric
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    compared date;
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.check_limits($7, $8);
    PERFORM sqp.check_stage($6, ARRAY['impression', 'click', 'cart_add', 'purchase']);
    compared := sqp.compared_start($3, $4, $5);
    RETURN QUERY
    WITH joined AS (
        SELECT search_query_key, now.search_query,
            CASE $6 WHEN 'impression' THEN now.asin_impression_count WHEN 'click' THEN now.asin_click_count WHEN 'cart_add' THEN now.asin_cart_add_count WHEN 'purchase' THEN now.asin_purchase_count END AS own,
            CASE $6 WHEN 'impression' THEN before.asin_impression_count WHEN 'click' THEN before.asin_click_count WHEN 'cart_add' THEN before.asin_cart_add_count WHEN 'purchase' THEN before.asin_purchase_count END AS previous_own,
            CASE $6 WHEN 'impression' THEN now.total_query_impression_count WHEN 'click' THEN now.total_click_count WHEN 'cart_add' THEN now.total_cart_add_count WHEN 'purchase' THEN now.total_purchase_count END AS total,
            CASE $6 WHEN 'impression' THEN before.total_query_impression_count WHEN 'click' THEN before.total_click_count WHEN 'cart_add' THEN before.total_cart_add_count WHEN 'purchase' THEN before.total_purchase_count END AS previous_total
        FROM sqp.query_sums($1, $2, $3, ARRAY[$4]) AS now
        JOIN sqp.query_sums($1, $2, $3, ARRAY[compared]) AS before USING (search_query_key)
    )
    SELECT search_query_key, search_query, own, previous_own, total, previous_total,
        own::numeric / nullif(total, 0), previous_own::numeric / nullif(previous_total, 0),
        100 * (own::numeric / nullif(total, 0) - previous_own::numeric / nullif(previous_total, 0)) AS gap
    FROM joined
    WHERE total >= $7 AND previous_total >= $7 AND total > 0 AND previous_total > 0
    ORDER BY abs(100 * (own::numeric / nullif(total, 0) - previous_own::numeric / nullif(previous_total, 0))) DESC NULLS LAST, search_query_key
    LIMIT $8;
END $$;
COMMENT ON FUNCTION sqp.share_movers IS
    'Queries whose share moved most between two periods: gap = share now − share before, in percentage points, of one stage (impression, click, cart_add, purchase). Only queries of both periods whose market has at least min_total events of the stage in each.';

CREATE FUNCTION sqp.lost_purchases(
    client text, marketplace text, report_period text, first_period date, last_period date DEFAULT NULL, min_clicks bigint DEFAULT 5, max_rows integer DEFAULT 50
) RETURNS TABLE (
    search_query_key text,
    search_query text,
    n_periods bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint,
    lost_purchases_headroom numeric,
    lost_purchases_gap numeric,
    lost_purchases_rest numeric,
    lost_purchases_visibility numeric
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.check_limits($6, $7);
    periods := sqp.chosen_periods($1, $2, $3, $4, $5);
    RETURN QUERY
    SELECT s.*,
        s.total_purchase_count - s.asin_purchase_count::numeric,
        greatest(0, s.asin_click_count * s.total_purchase_count::numeric / nullif(s.total_click_count, 0) - s.asin_purchase_count) AS gap,
        greatest(0, s.asin_click_count * (s.total_purchase_count - s.asin_purchase_count)::numeric
            / nullif(s.total_click_count - s.asin_click_count, 0) - s.asin_purchase_count),
        greatest(0, s.total_purchase_count * s.asin_impression_count::numeric / nullif(s.total_query_impression_count, 0) - s.asin_purchase_count)
    FROM sqp.query_sums($1, $2, $3, periods) AS s
    WHERE s.asin_click_count >= $6
    ORDER BY gap DESC NULLS LAST, s.search_query_key
    LIMIT $7;
END $$;
COMMENT ON FUNCTION sqp.lost_purchases IS
    'Purchases that went elsewhere, by query. headroom = P − p; gap = max(0, c·P/C − p), at the market''s purchase rate; rest = max(0, c·(P − p)/(C − c) − p), at that of the rest of the market; visibility = max(0, P·i/I − p), at the own impression share. NULL where the denominator is 0. Queries with at least min_clicks own clicks, largest gap first.';

CREATE FUNCTION sqp.ctr_gap(
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
    SELECT s.search_query_key, s.search_query, s.n_periods,
        s.asin_impression_count, s.asin_click_count, s.total_query_impression_count, s.total_click_count,
        ratio.click_through_rate, ratio.market_click_through_rate,
        ratio.click_through_rate / nullif(ratio.market_click_through_rate, 0),
        100 * (ratio.click_through_rate - ratio.market_click_through_rate),
        100 * (ratio.click_share - ratio.impression_share),
        greatest(0, s.asin_impression_count * ratio.market_click_through_rate - s.asin_click_count) AS lost
    FROM sqp.query_sums($1, $2, $3, periods) AS s
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS ratio
    WHERE s.asin_impression_count >= greatest($6, 1)
    ORDER BY lost DESC NULLS LAST, s.search_query_key
    LIMIT $7;
END $$;
COMMENT ON FUNCTION sqp.ctr_gap IS
    'Own click-through rate c/i against the market''s C/I: index (c/i)/(C/I), gap in percentage points, share gap c/C − i/I in percentage points, and lost clicks max(0, i·C/I − c), most first. Queries with at least min_impressions own impressions.';

CREATE FUNCTION sqp.cvr_gap(
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
    SELECT s.search_query_key, s.search_query, s.n_periods,
        s.asin_click_count, s.asin_purchase_count, s.total_click_count, s.total_purchase_count,
        ratio.purchase_rate, ratio.market_purchase_rate,
        (s.total_purchase_count - s.asin_purchase_count)::numeric / nullif(s.total_click_count - s.asin_click_count, 0),
        ratio.purchase_rate / nullif(ratio.market_purchase_rate, 0),
        100 * (ratio.purchase_rate - ratio.market_purchase_rate),
        100 * (ratio.purchase_share - ratio.click_share),
        greatest(0, s.asin_click_count * ratio.market_purchase_rate - s.asin_purchase_count) AS lost
    FROM sqp.query_sums($1, $2, $3, periods) AS s
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS ratio
    WHERE s.asin_click_count >= greatest($6, 1)
    ORDER BY lost DESC NULLS LAST, s.search_query_key
    LIMIT $7;
END $$;
COMMENT ON FUNCTION sqp.cvr_gap IS
    'Own purchase rate p/c against the market''s P/C: index (p/c)/(P/C), gap in percentage points, the rest of the market''s rate (P − p)/(C − c), share gap p/P − c/C in percentage points, lost purchases max(0, c·P/C − p), most first. Queries with at least min_clicks own clicks.';

CREATE FUNCTION sqp.cannibalisation(
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
            sum(asin_impression_count)::bigint AS asin_impression_count,
            sum(asin_click_count)::bigint AS asin_click_count,
            sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
            sum(asin_purchase_count)::bigint AS asin_purchase_count
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
COMMENT ON FUNCTION sqp.cannibalisation IS
    'Queries on which at least two own ASINs have min_impressions impressions or more: their number, HHI = Σ(iₐ/i)² over all own ASINs (1: one alone; 1/n: n equal ones), the ASIN with most impressions and its part of the own ones. Most own impressions first.';

CREATE FUNCTION sqp.price_position(
    client text, marketplace text, report_period text, period_start date, stage text DEFAULT 'purchase', max_rows integer DEFAULT 100
) RETURNS TABLE (
    asin text,
    search_query_key text,
    search_query text,
    asin_count bigint,
    asin_median_price_amount numeric,
    total_median_price_amount numeric,
    price_currency_code text,
    price_index numeric
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.check_period($3, $4), sqp.check_limits(0, $6);
    PERFORM sqp.check_stage($5, ARRAY['click', 'cart_add', 'purchase']);
    RETURN QUERY
    WITH price AS (
        SELECT asin, search_query_key, search_query,
            CASE $5 WHEN 'click' THEN asin_click_count WHEN 'cart_add' THEN asin_cart_add_count WHEN 'purchase' THEN asin_purchase_count END AS own_count,
            CASE $5 WHEN 'click' THEN asin_median_click_price_amount WHEN 'cart_add' THEN asin_median_cart_add_price_amount WHEN 'purchase' THEN asin_median_purchase_price_amount END AS own,
            CASE $5 WHEN 'click' THEN total_median_click_price_amount WHEN 'cart_add' THEN total_median_cart_add_price_amount WHEN 'purchase' THEN total_median_purchase_price_amount END AS market,
            CASE $5 WHEN 'click' THEN asin_median_click_price_currency_code WHEN 'cart_add' THEN asin_median_cart_add_price_currency_code WHEN 'purchase' THEN asin_median_purchase_price_currency_code END AS own_currency,
            CASE $5 WHEN 'click' THEN total_median_click_price_currency_code WHEN 'cart_add' THEN total_median_cart_add_price_currency_code WHEN 'purchase' THEN total_median_purchase_price_currency_code END AS market_currency
        FROM sqp.search_query_performance
        WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = $4
    )
    SELECT price.asin::text, price.search_query_key, price.search_query, price.own_count, price.own, price.market,
        price.own_currency::text, price.own / nullif(price.market, 0)
    FROM price
    WHERE price.own IS NOT NULL AND price.market IS NOT NULL AND price.own_currency IS NOT DISTINCT FROM price.market_currency
    ORDER BY price.own_count DESC NULLS LAST, price.asin, price.search_query_key
    LIMIT $6;
END $$;
COMMENT ON FUNCTION sqp.price_position IS
    'Own median price ÷ the market''s median price, same query, period, stage (click, cart_add, purchase) and currency: above 1 is dearer. Medians are compared row by row and never averaged; rows without both prices, or in two currencies, are left out. Most own events first.';

CREATE FUNCTION sqp.funnel_stage(
    client text, marketplace text, report_period text, first_period date, last_period date DEFAULT NULL, min_impressions bigint DEFAULT 100, min_clicks bigint DEFAULT 5, max_rows integer DEFAULT 50
) RETURNS TABLE (
    search_query_key text,
    search_query text,
    n_periods bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint,
    impression_share numeric,
    click_share numeric,
    purchase_share numeric,
    click_share_gap_pp numeric,
    purchase_share_gap_pp numeric,
    funnel_stage text
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.check_limits($6, $8), sqp.check_limits($7, $8);
    periods := sqp.chosen_periods($1, $2, $3, $4, $5);
    RETURN QUERY
    SELECT s.*, gap.impression_share, gap.click_share, gap.purchase_share, gap.click_gap, gap.purchase_gap,
        CASE
            WHEN gap.click_gap IS NULL THEN NULL
            WHEN gap.click_gap < 0 AND gap.click_gap <= coalesce(gap.purchase_gap, 0) THEN 'click'
            WHEN gap.purchase_gap < 0 THEN 'purchase'
            WHEN gap.purchase_gap IS NULL THEN NULL
            ELSE 'impression'
        END
    FROM sqp.query_sums($1, $2, $3, periods) AS s
    CROSS JOIN LATERAL (
        SELECT ratio.impression_share, ratio.click_share, ratio.purchase_share,
            100 * (ratio.click_share - ratio.impression_share) AS click_gap,
            CASE WHEN s.asin_click_count >= greatest($7, 1) THEN 100 * (ratio.purchase_share - ratio.click_share) END AS purchase_gap
        FROM sqp.ratios(
            s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
            s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
        ) AS ratio
    ) AS gap
    WHERE s.asin_impression_count >= greatest($6, 1)
    ORDER BY s.search_query_volume DESC NULLS LAST, s.search_query_key
    LIMIT $8;
END $$;
COMMENT ON FUNCTION sqp.funnel_stage IS
    'Where a query loses most on the way from impression to purchase, by the gaps c/C − i/I and p/P − c/C in percentage points: click, when the first is the lower one and below 0; purchase, when the second is; impression, when neither is below 0, so that only visibility is missing. The second gap needs min_clicks own clicks; without it and without a loss at the click the stage is NULL. Queries with at least min_impressions own impressions, most searched first.';

CREATE FUNCTION sqp.rank_changes(
    client text, marketplace text, report_period text, period_start date, comparison text DEFAULT NULL, max_rows integer DEFAULT 50
) RETURNS TABLE (
    asin text,
    search_query_key text,
    search_query text,
    search_query_score bigint,
    previous_search_query_score bigint,
    search_query_score_change bigint
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    compared date;
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.check_limits(0, $6);
    compared := sqp.compared_start($3, $4, $5);
    RETURN QUERY
    SELECT now.asin::text, now.search_query_key, now.search_query, now.search_query_score, before.search_query_score,
        before.search_query_score - now.search_query_score
    FROM sqp.search_query_performance AS now
    JOIN sqp.search_query_performance AS before USING (client_id, marketplace_id, report_period, asin, search_query_key)
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND now.period_start = $4
        AND before.period_start = compared AND now.search_query_score <> before.search_query_score
    ORDER BY abs(before.search_query_score - now.search_query_score) DESC, now.search_query_score, now.asin, now.search_query_key
    LIMIT $6;
END $$;
COMMENT ON FUNCTION sqp.rank_changes IS
    'Own ASINs whose rank on a query changed: change = previous search_query_score − score, so positive is better (1 is the best rank). Only ASIN × query rows of both periods.';
