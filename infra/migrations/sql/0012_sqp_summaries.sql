-- Further summaries. Own counts are summed over ASINs; market figures come once for each query and period, from
-- sqp.search_query_market; ratios are divided last, by sqp.ratios and nowhere else.

CREATE FUNCTION sqp.ratios(
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint
) RETURNS TABLE (
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
) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT
    asin_impression_count::numeric / nullif(total_query_impression_count, 0),
    asin_click_count::numeric / nullif(total_click_count, 0),
    asin_cart_add_count::numeric / nullif(total_cart_add_count, 0),
    asin_purchase_count::numeric / nullif(total_purchase_count, 0),
    asin_click_count::numeric / nullif(asin_impression_count, 0),
    asin_cart_add_count::numeric / nullif(asin_click_count, 0),
    asin_purchase_count::numeric / nullif(asin_click_count, 0),
    asin_purchase_count::numeric / nullif(asin_cart_add_count, 0),
    total_click_count::numeric / nullif(total_query_impression_count, 0),
    total_cart_add_count::numeric / nullif(total_click_count, 0),
    total_purchase_count::numeric / nullif(total_click_count, 0),
    total_purchase_count::numeric / nullif(total_cart_add_count, 0)
$$;
COMMENT ON FUNCTION sqp.ratios IS
    'Shares are own ÷ market of one stage; click_through_rate = clicks ÷ impressions, cart_add_rate = cart adds ÷ clicks, purchase_rate = purchases ÷ clicks, cart_to_purchase_rate = purchases ÷ cart adds; market_ the same for the whole market. Fractions; a zero denominator gives NULL.';

CREATE FUNCTION sqp.query_key(search_query text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
SELECT btrim(regexp_replace(
    replace(replace(lower(normalize(search_query, NFKC)), 'ß', 'ss'), 'ς', 'σ'), '[\s\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g'))
$$;
COMMENT ON FUNCTION sqp.query_key IS
    'The key under which a query text is stored: NFKC, case-folded, white space collapsed and trimmed.';

CREATE FUNCTION sqp.previous_start(report_period text, period_start date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE report_period
    WHEN 'WEEK' THEN period_start - 7
    WHEN 'MONTH' THEN (period_start - interval '1 month')::date
    WHEN 'QUARTER' THEN (period_start - interval '3 months')::date
END
$$;
COMMENT ON FUNCTION sqp.previous_start IS 'Start of the period before: 7 days, one month or three months earlier.';

CREATE FUNCTION sqp.year_before(report_period text, period_start date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE report_period
    WHEN 'WEEK' THEN period_start - 364
    ELSE (period_start - interval '1 year')::date
END
$$;
COMMENT ON FUNCTION sqp.year_before IS 'Start of the period a year before; of a week 364 days, so that it stays on Sunday.';

CREATE VIEW sqp.brand_of_asin AS
SELECT DISTINCT ON (map.client_id, map.marketplace_id, map.asin)
    map.client_id,
    map.marketplace_id,
    map.asin,
    map.origin,
    brands.brand
FROM sqp.asin_brand_map AS map
JOIN sqp.brands AS brands USING (client_id, brand_id)
ORDER BY map.client_id, map.marketplace_id, map.asin, map.origin = 'manual' DESC;
COMMENT ON VIEW sqp.brand_of_asin IS 'The brand that counts for an ASIN: the manual entry, else the automatic one.';

CREATE MATERIALIZED VIEW sqp.brand_period_summary AS
SELECT client_id, marketplace_id, report_period, period_start, period_end, brand, n_queries,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count,
    ratio.*
FROM (
    SELECT client_id, marketplace_id, report_period, period_start, brand,
        max(period_end) AS period_end,
        count(*) AS n_queries,
        sum(asin_impression_count)::bigint AS asin_impression_count,
        sum(asin_click_count)::bigint AS asin_click_count,
        sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
        sum(asin_purchase_count)::bigint AS asin_purchase_count,
        sum(search_query_volume)::bigint AS search_query_volume,
        sum(total_query_impression_count)::bigint AS total_query_impression_count,
        sum(total_click_count)::bigint AS total_click_count,
        sum(total_cart_add_count)::bigint AS total_cart_add_count,
        sum(total_purchase_count)::bigint AS total_purchase_count
    FROM sqp.search_performance_summary
    GROUP BY client_id, marketplace_id, report_period, period_start, brand
) AS brand
CROSS JOIN LATERAL sqp.ratios(
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
) AS ratio;
CREATE UNIQUE INDEX brand_period_summary_key ON sqp.brand_period_summary (client_id, marketplace_id, report_period, period_start, brand);
COMMENT ON MATERIALIZED VIEW sqp.brand_period_summary IS
    'Brand × period. The market of a brand is that of the queries on which one of its ASINs stands, each once. Own counts add up over brands; market figures do not, for brands share queries.';

CREATE MATERIALIZED VIEW sqp.asin_period_summary AS
SELECT client_id, marketplace_id, report_period, period_start, period_end, asin, parent_asin, title, coalesce(brand, 'unmapped') AS brand, n_queries,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count,
    ratio.*
FROM (
    SELECT client_id, marketplace_id, report_period, period_start, performance.asin,
        max(performance.period_end) AS period_end,
        count(*) AS n_queries,
        sum(performance.asin_impression_count)::bigint AS asin_impression_count,
        sum(performance.asin_click_count)::bigint AS asin_click_count,
        sum(performance.asin_cart_add_count)::bigint AS asin_cart_add_count,
        sum(performance.asin_purchase_count)::bigint AS asin_purchase_count,
        sum(market.search_query_volume)::bigint AS search_query_volume,
        sum(market.total_query_impression_count)::bigint AS total_query_impression_count,
        sum(market.total_click_count)::bigint AS total_click_count,
        sum(market.total_cart_add_count)::bigint AS total_cart_add_count,
        sum(market.total_purchase_count)::bigint AS total_purchase_count
    FROM sqp.search_query_performance AS performance
    LEFT JOIN sqp.search_query_market AS market
        USING (client_id, marketplace_id, report_period, period_start, search_query_key)
    GROUP BY client_id, marketplace_id, report_period, period_start, performance.asin
) AS own
LEFT JOIN (
    SELECT client_id, marketplace_id, report_period, period_start, asin, parent_asin, title FROM sqp.asin_performance_data
) AS described USING (client_id, marketplace_id, report_period, period_start, asin)
LEFT JOIN sqp.brand_of_asin USING (client_id, marketplace_id, asin)
CROSS JOIN LATERAL sqp.ratios(
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
) AS ratio;
CREATE UNIQUE INDEX asin_period_summary_key ON sqp.asin_period_summary (client_id, marketplace_id, report_period, period_start, asin);
COMMENT ON MATERIALIZED VIEW sqp.asin_period_summary IS
    'ASIN × period. The market of an ASIN is that of the queries on which it stands, each once: never sum market figures over ASINs.';

CREATE VIEW sqp.period_totals AS
SELECT client_id, marketplace_id, report_period, period_start, coalesce(market.period_end, own.period_end) AS period_end,
    market.n_queries, own.n_own_asins, market.n_totals_disagree,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
FROM (
    SELECT client_id, marketplace_id, report_period, period_start,
        max(period_end) AS period_end,
        count(*) AS n_queries,
        count(*) FILTER (WHERE totals_disagree) AS n_totals_disagree,
        sum(search_query_volume)::bigint AS search_query_volume,
        sum(total_query_impression_count)::bigint AS total_query_impression_count,
        sum(total_click_count)::bigint AS total_click_count,
        sum(total_cart_add_count)::bigint AS total_cart_add_count,
        sum(total_purchase_count)::bigint AS total_purchase_count
    FROM sqp.search_query_market
    GROUP BY client_id, marketplace_id, report_period, period_start
) AS market
FULL JOIN (
    SELECT client_id, marketplace_id, report_period, period_start,
        max(period_end) AS period_end,
        count(DISTINCT asin) AS n_own_asins,
        sum(asin_impression_count)::bigint AS asin_impression_count,
        sum(asin_click_count)::bigint AS asin_click_count,
        sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
        sum(asin_purchase_count)::bigint AS asin_purchase_count
    FROM sqp.search_query_performance
    GROUP BY client_id, marketplace_id, report_period, period_start
) AS own USING (client_id, marketplace_id, report_period, period_start);
COMMENT ON VIEW sqp.period_totals IS 'Client × marketplace × period, over all queries reported: what the summaries of weeks, months and quarters hold.';

CREATE MATERIALIZED VIEW sqp.monthly_summary AS
SELECT client_id, marketplace_id, period_start, period_end, n_queries, n_own_asins, n_totals_disagree,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count,
    ratio.*
FROM sqp.period_totals
CROSS JOIN LATERAL sqp.ratios(
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
) AS ratio
WHERE report_period = 'MONTH';
CREATE UNIQUE INDEX monthly_summary_key ON sqp.monthly_summary (client_id, marketplace_id, period_start);
COMMENT ON MATERIALIZED VIEW sqp.monthly_summary IS
    'Client × marketplace × month, from MONTH reports only: never a sum of shorter periods, which straddle its bounds.';
COMMENT ON COLUMN sqp.monthly_summary.n_totals_disagree IS 'Queries whose rows delivered different totals; the latest delivery was taken.';

CREATE MATERIALIZED VIEW sqp.quarterly_summary AS
SELECT client_id, marketplace_id, period_start, period_end, n_queries, n_own_asins, n_totals_disagree,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count,
    ratio.*
FROM sqp.period_totals
CROSS JOIN LATERAL sqp.ratios(
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
) AS ratio
WHERE report_period = 'QUARTER';
CREATE UNIQUE INDEX quarterly_summary_key ON sqp.quarterly_summary (client_id, marketplace_id, period_start);
COMMENT ON MATERIALIZED VIEW sqp.quarterly_summary IS
    'Client × marketplace × quarter, from QUARTER reports only: never a sum of shorter periods, which straddle its bounds.';
COMMENT ON COLUMN sqp.quarterly_summary.n_totals_disagree IS 'Queries whose rows delivered different totals; the latest delivery was taken.';

-- A body that is parsed here, unlike one in quotes, lets the database know which tables a view reads through it.
CREATE FUNCTION sqp.class_of(client_id text, marketplace_id text, search_query_key text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    (
        SELECT entry.class FROM sqp.query_class AS entry
        WHERE entry.client_id = class_of.client_id AND entry.marketplace_id = class_of.marketplace_id
            AND entry.search_query_key = class_of.search_query_key
    ),
    CASE WHEN EXISTS (
        SELECT FROM sqp.brand_terms AS terms
        WHERE terms.client_id = class_of.client_id
            AND position(' ' || sqp.query_key(terms.term) || ' ' IN ' ' || class_of.search_query_key || ' ') > 0
    ) THEN 'branded' ELSE 'generic' END
);
COMMENT ON FUNCTION sqp.class_of IS
    'Class of a query key: its entry in sqp.query_class, else branded where a term of the client stands in it as whole words, else generic.';

-- One pass over both tables instead of a join of two sums, whose size a planner without statistics gets wrong.
CREATE MATERIALIZED VIEW sqp.query_class_summary AS
SELECT client_id, marketplace_id, report_period, period_start, period_end, class, n_queries,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count,
    ratio.*
FROM (
    SELECT client_id, marketplace_id, report_period, period_start, class,
        max(query.period_end) AS period_end,
        count(*) AS n_queries,
        sum(query.asin_impression_count)::bigint AS asin_impression_count,
        sum(query.asin_click_count)::bigint AS asin_click_count,
        sum(query.asin_cart_add_count)::bigint AS asin_cart_add_count,
        sum(query.asin_purchase_count)::bigint AS asin_purchase_count,
        sum(query.search_query_volume)::bigint AS search_query_volume,
        sum(query.total_query_impression_count)::bigint AS total_query_impression_count,
        sum(query.total_click_count)::bigint AS total_click_count,
        sum(query.total_cart_add_count)::bigint AS total_cart_add_count,
        sum(query.total_purchase_count)::bigint AS total_purchase_count
    FROM (
        SELECT client_id, marketplace_id, report_period, period_start, search_query_key, max(period_end) AS period_end,
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
            SELECT client_id, marketplace_id, report_period, period_start, search_query_key, period_end,
                NULL::bigint AS asin_impression_count, NULL::bigint AS asin_click_count, NULL::bigint AS asin_cart_add_count, NULL::bigint AS asin_purchase_count,
                search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
            FROM sqp.search_query_market
            UNION ALL
            SELECT client_id, marketplace_id, report_period, period_start, search_query_key, period_end,
                asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
                NULL, NULL, NULL, NULL, NULL
            FROM sqp.search_query_performance
        ) AS side
        GROUP BY client_id, marketplace_id, report_period, period_start, search_query_key
    ) AS query
    JOIN (
        SELECT client_id, marketplace_id, search_query_key, sqp.class_of(client_id, marketplace_id, search_query_key) AS class
        FROM (SELECT DISTINCT client_id, marketplace_id, search_query_key FROM sqp.search_query_market) AS each_query
    ) AS classed USING (client_id, marketplace_id, search_query_key)
    GROUP BY client_id, marketplace_id, report_period, period_start, class
) AS by_class
CROSS JOIN LATERAL sqp.ratios(
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
) AS ratio;
CREATE UNIQUE INDEX query_class_summary_key ON sqp.query_class_summary (client_id, marketplace_id, report_period, period_start, class);
COMMENT ON MATERIALIZED VIEW sqp.query_class_summary IS
    'Class of query (branded, generic, competitor) × period. Each query has one class, so own counts and market figures both add up over classes.';

CREATE MATERIALIZED VIEW sqp.cannibalisation_summary AS
SELECT client_id, marketplace_id, report_period, period_start, period_end, search_query_key, n_own_asins,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    asin_impression_square / nullif(asin_impression_count::numeric * asin_impression_count, 0) AS impression_hhi,
    top_asin,
    top_asin_impression_count::numeric / nullif(asin_impression_count, 0) AS top_asin_impression_share
FROM (
    SELECT client_id, marketplace_id, report_period, period_start, search_query_key,
        max(period_end) AS period_end,
        count(*) FILTER (WHERE asin_impression_count > 0) AS n_own_asins,
        sum(asin_impression_count)::bigint AS asin_impression_count,
        sum(asin_click_count)::bigint AS asin_click_count,
        sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
        sum(asin_purchase_count)::bigint AS asin_purchase_count,
        sum(asin_impression_count::numeric * asin_impression_count) AS asin_impression_square,
        (array_agg(asin ORDER BY asin_impression_count DESC NULLS LAST, asin COLLATE "C"))[1] AS top_asin,
        max(asin_impression_count) AS top_asin_impression_count
    FROM sqp.search_query_performance
    GROUP BY client_id, marketplace_id, report_period, period_start, search_query_key
    HAVING count(*) FILTER (WHERE asin_impression_count > 0) >= 2
) AS shared;
CREATE UNIQUE INDEX cannibalisation_summary_key ON sqp.cannibalisation_summary (client_id, marketplace_id, report_period, period_start, search_query_key);
COMMENT ON MATERIALIZED VIEW sqp.cannibalisation_summary IS
    'Queries on which at least two own ASINs have impressions. impression_hhi = Σ(own impressions of an ASIN ÷ own impressions)²: 1 is one ASIN alone, 1 ÷ n is n equal ones.';
COMMENT ON COLUMN sqp.cannibalisation_summary.n_own_asins IS 'Own ASINs with at least one impression on the query.';
COMMENT ON COLUMN sqp.cannibalisation_summary.top_asin_impression_share IS 'Impressions of the top ASIN ÷ own impressions; a fraction.';

SELECT refresh.watch_input('sqp.brands');
SELECT refresh.watch_input('sqp.asin_brand_map');
SELECT refresh.watch_input('sqp.brand_terms');
SELECT refresh.watch_input('sqp.query_class');
