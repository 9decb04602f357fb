-- The Search Query Performance warehouse. `period_start` is the unit of refresh; BRIN finds its rows at next to no cost
-- for the load, and the primary keys serve the dashboards, which always name client, marketplace and report period.

CREATE SCHEMA sqp;
COMMENT ON SCHEMA sqp IS 'Amazon Search Query Performance: own ASINs and their markets, by query and report period.';


CREATE TABLE sqp.asin_performance_data (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    report_period text NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    asin varchar(10) NOT NULL,
    parent_asin varchar(10),
    title text,
    n_queries bigint NOT NULL CHECK (n_queries >= 0),
    asin_impression_count bigint CHECK (asin_impression_count >= 0),
    asin_click_count bigint CHECK (asin_click_count >= 0),
    asin_cart_add_count bigint CHECK (asin_cart_add_count >= 0),
    asin_purchase_count bigint CHECK (asin_purchase_count >= 0),
    loaded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, marketplace_id, report_period, period_start, asin),
    CONSTRAINT period_is_whole CHECK (CASE report_period
        WHEN 'WEEK' THEN extract(dow FROM period_start) = 0 AND period_end = period_start + 6
        WHEN 'MONTH' THEN extract(day FROM period_start) = 1
            AND period_end = (period_start + interval '1 month' - interval '1 day')::date
        WHEN 'QUARTER' THEN extract(day FROM period_start) = 1 AND extract(month FROM period_start) IN (1, 4, 7, 10)
            AND period_end = (period_start + interval '3 months' - interval '1 day')::date
        ELSE false
    END)
);

CREATE TABLE sqp.search_query_performance (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    report_period text NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    asin varchar(10) NOT NULL,
    parent_asin varchar(10),
    search_query_key text NOT NULL,
    search_query text NOT NULL,
    search_query_score bigint CHECK (search_query_score >= 0),
    search_query_volume bigint CHECK (search_query_volume >= 0),
    total_query_impression_count bigint CHECK (total_query_impression_count >= 0),
    asin_impression_count bigint CHECK (asin_impression_count >= 0),
    asin_impression_share numeric(9,8),
    total_click_count bigint CHECK (total_click_count >= 0),
    total_click_rate numeric,
    total_median_click_price_amount numeric(12,2),
    total_median_click_price_currency_code char(3),
    total_same_day_shipping_click_count bigint CHECK (total_same_day_shipping_click_count >= 0),
    total_one_day_shipping_click_count bigint CHECK (total_one_day_shipping_click_count >= 0),
    total_two_day_shipping_click_count bigint CHECK (total_two_day_shipping_click_count >= 0),
    asin_click_count bigint CHECK (asin_click_count >= 0),
    asin_click_share numeric(9,8),
    asin_median_click_price_amount numeric(12,2),
    asin_median_click_price_currency_code char(3),
    total_cart_add_count bigint CHECK (total_cart_add_count >= 0),
    total_cart_add_rate numeric,
    total_median_cart_add_price_amount numeric(12,2),
    total_median_cart_add_price_currency_code char(3),
    total_same_day_shipping_cart_add_count bigint CHECK (total_same_day_shipping_cart_add_count >= 0),
    total_one_day_shipping_cart_add_count bigint CHECK (total_one_day_shipping_cart_add_count >= 0),
    total_two_day_shipping_cart_add_count bigint CHECK (total_two_day_shipping_cart_add_count >= 0),
    asin_cart_add_count bigint CHECK (asin_cart_add_count >= 0),
    asin_cart_add_share numeric(9,8),
    asin_median_cart_add_price_amount numeric(12,2),
    asin_median_cart_add_price_currency_code char(3),
    total_purchase_count bigint CHECK (total_purchase_count >= 0),
    total_purchase_rate numeric,
    total_median_purchase_price_amount numeric(12,2),
    total_median_purchase_price_currency_code char(3),
    total_same_day_shipping_purchase_count bigint CHECK (total_same_day_shipping_purchase_count >= 0),
    total_one_day_shipping_purchase_count bigint CHECK (total_one_day_shipping_purchase_count >= 0),
    total_two_day_shipping_purchase_count bigint CHECK (total_two_day_shipping_purchase_count >= 0),
    asin_purchase_count bigint CHECK (asin_purchase_count >= 0),
    asin_purchase_share numeric(9,8),
    asin_median_purchase_price_amount numeric(12,2),
    asin_median_purchase_price_currency_code char(3),
    PRIMARY KEY (client_id, marketplace_id, report_period, period_start, asin, search_query_key),
    CONSTRAINT period_is_whole CHECK (CASE report_period
        WHEN 'WEEK' THEN extract(dow FROM period_start) = 0 AND period_end = period_start + 6
        WHEN 'MONTH' THEN extract(day FROM period_start) = 1
            AND period_end = (period_start + interval '1 month' - interval '1 day')::date
        WHEN 'QUARTER' THEN extract(day FROM period_start) = 1 AND extract(month FROM period_start) IN (1, 4, 7, 10)
            AND period_end = (period_start + interval '3 months' - interval '1 day')::date
        ELSE false
    END)
);

CREATE TABLE sqp.search_query_market (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    report_period text NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    search_query_key text NOT NULL,
    search_query text NOT NULL,
    search_query_volume bigint CHECK (search_query_volume >= 0),
    total_query_impression_count bigint CHECK (total_query_impression_count >= 0),
    total_click_count bigint CHECK (total_click_count >= 0),
    total_click_rate numeric,
    total_median_click_price_amount numeric(12,2),
    total_median_click_price_currency_code char(3),
    total_same_day_shipping_click_count bigint CHECK (total_same_day_shipping_click_count >= 0),
    total_one_day_shipping_click_count bigint CHECK (total_one_day_shipping_click_count >= 0),
    total_two_day_shipping_click_count bigint CHECK (total_two_day_shipping_click_count >= 0),
    total_cart_add_count bigint CHECK (total_cart_add_count >= 0),
    total_cart_add_rate numeric,
    total_median_cart_add_price_amount numeric(12,2),
    total_median_cart_add_price_currency_code char(3),
    total_same_day_shipping_cart_add_count bigint CHECK (total_same_day_shipping_cart_add_count >= 0),
    total_one_day_shipping_cart_add_count bigint CHECK (total_one_day_shipping_cart_add_count >= 0),
    total_two_day_shipping_cart_add_count bigint CHECK (total_two_day_shipping_cart_add_count >= 0),
    total_purchase_count bigint CHECK (total_purchase_count >= 0),
    total_purchase_rate numeric,
    total_median_purchase_price_amount numeric(12,2),
    total_median_purchase_price_currency_code char(3),
    total_same_day_shipping_purchase_count bigint CHECK (total_same_day_shipping_purchase_count >= 0),
    total_one_day_shipping_purchase_count bigint CHECK (total_one_day_shipping_purchase_count >= 0),
    total_two_day_shipping_purchase_count bigint CHECK (total_two_day_shipping_purchase_count >= 0),
    n_own_asins bigint NOT NULL CHECK (n_own_asins >= 0),
    totals_disagree boolean NOT NULL,
    PRIMARY KEY (client_id, marketplace_id, report_period, period_start, search_query_key),
    CONSTRAINT period_is_whole CHECK (CASE report_period
        WHEN 'WEEK' THEN extract(dow FROM period_start) = 0 AND period_end = period_start + 6
        WHEN 'MONTH' THEN extract(day FROM period_start) = 1
            AND period_end = (period_start + interval '1 month' - interval '1 day')::date
        WHEN 'QUARTER' THEN extract(day FROM period_start) = 1 AND extract(month FROM period_start) IN (1, 4, 7, 10)
            AND period_end = (period_start + interval '3 months' - interval '1 day')::date
        ELSE false
    END)
);

CREATE INDEX search_query_performance_period ON sqp.search_query_performance USING brin (period_start);

CREATE INDEX search_query_market_period ON sqp.search_query_market USING brin (period_start);

CREATE TABLE sqp.report_coverage (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    report_period text NOT NULL,
    period_start date NOT NULL,
    asin varchar(10) NOT NULL,
    coverage text NOT NULL CHECK (coverage IN ('measured', 'empty_report', 'not_covered')),
    PRIMARY KEY (client_id, marketplace_id, report_period, period_start, asin)
);

CREATE TABLE sqp.brands (
    brand_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id text NOT NULL,
    brand text NOT NULL CHECK (brand NOT IN ('', 'unmapped')),
    UNIQUE (client_id, brand),
    UNIQUE (client_id, brand_id)
);

CREATE TABLE sqp.asin_brand_map (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    asin varchar(10) NOT NULL,
    origin text NOT NULL CHECK (origin IN ('manual', 'automatic')),
    brand_id bigint NOT NULL,
    PRIMARY KEY (client_id, marketplace_id, asin, origin),
    FOREIGN KEY (client_id, brand_id) REFERENCES sqp.brands (client_id, brand_id)
);

CREATE TABLE sqp.brand_terms (
    client_id text NOT NULL,
    brand_id bigint NOT NULL,
    term text NOT NULL CHECK (term <> ''),
    PRIMARY KEY (client_id, brand_id, term),
    FOREIGN KEY (client_id, brand_id) REFERENCES sqp.brands (client_id, brand_id)
);

CREATE TABLE sqp.query_class (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    search_query_key text NOT NULL,
    class text NOT NULL CHECK (class IN ('branded', 'generic', 'competitor')),
    PRIMARY KEY (client_id, marketplace_id, search_query_key)
);

COMMENT ON TABLE sqp.asin_performance_data IS
    'An own ASIN in a report period: its counts summed over all queries that were reported (about 100 at most: a floor).';
COMMENT ON COLUMN sqp.asin_performance_data.client_id IS
    'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.asin_performance_data.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.asin_performance_data.report_period IS
    'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.asin_performance_data.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.asin_performance_data.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.asin_performance_data.asin IS 'Own (child) ASIN.';
COMMENT ON COLUMN sqp.asin_performance_data.parent_asin IS 'NULL where none was delivered.';
COMMENT ON COLUMN sqp.asin_performance_data.title IS 'Product name; NULL where the source has none.';
COMMENT ON COLUMN sqp.asin_performance_data.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.asin_performance_data.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.asin_performance_data.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.asin_performance_data.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.asin_performance_data.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.asin_performance_data.loaded_at IS 'When the row was last written.';

COMMENT ON TABLE sqp.search_query_performance IS
    'An own ASIN on a query in a report period. The total_ columns and search_query_volume repeat on every ASIN of a query: never sum them here, sum sqp.search_query_market.';
COMMENT ON COLUMN sqp.search_query_performance.client_id IS
    'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.search_query_performance.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.search_query_performance.report_period IS
    'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.search_query_performance.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.search_query_performance.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.search_query_performance.asin IS 'Own (child) ASIN.';
COMMENT ON COLUMN sqp.search_query_performance.parent_asin IS 'NULL where none was delivered.';
COMMENT ON COLUMN sqp.search_query_performance.search_query_key IS
    'Query text, NFKC, case-folded, white space collapsed and trimmed.';
COMMENT ON COLUMN sqp.search_query_performance.search_query IS
    'Query text as delivered; where spellings share the key, the latest delivered one.';
COMMENT ON COLUMN sqp.search_query_performance.search_query_score IS
    'Rank of the query for the ASIN, 1 is best; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.search_query_performance.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON COLUMN sqp.search_query_performance.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.search_query_performance.asin_impression_share IS 'Fraction 0–1 of the market''s impressions.';
COMMENT ON COLUMN sqp.search_query_performance.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.search_query_performance.total_click_rate IS
    'Market clicks ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_click_price_amount IS
    'Median price of clicks, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_click_price_currency_code IS
    'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_performance.total_same_day_shipping_click_count IS
    'Market clicks with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_one_day_shipping_click_count IS
    'Market clicks with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_two_day_shipping_click_count IS
    'Market clicks with a two-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.search_query_performance.asin_click_share IS 'Fraction 0–1 of the market''s clicks.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_click_price_amount IS
    'Median price of clicks, own ASIN, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_click_price_currency_code IS
    'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_performance.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.search_query_performance.total_cart_add_rate IS
    'Market cart adds ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_cart_add_price_amount IS
    'Median price of cart adds, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_cart_add_price_currency_code IS
    'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_performance.total_same_day_shipping_cart_add_count IS
    'Market cart adds with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_one_day_shipping_cart_add_count IS
    'Market cart adds with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_two_day_shipping_cart_add_count IS
    'Market cart adds with a two-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.search_query_performance.asin_cart_add_share IS 'Fraction 0–1 of the market''s cart adds.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_cart_add_price_amount IS
    'Median price of cart adds, own ASIN, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_cart_add_price_currency_code IS
    'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_performance.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.search_query_performance.total_purchase_rate IS
    'Market purchases ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_purchase_price_amount IS
    'Median price of purchases, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_purchase_price_currency_code IS
    'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_performance.total_same_day_shipping_purchase_count IS
    'Market purchases with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_one_day_shipping_purchase_count IS
    'Market purchases with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_two_day_shipping_purchase_count IS
    'Market purchases with a two-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.search_query_performance.asin_purchase_share IS 'Fraction 0–1 of the market''s purchases.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_purchase_price_amount IS
    'Median price of purchases, own ASIN, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_purchase_price_currency_code IS
    'ISO 4217; NULL where not delivered.';

COMMENT ON TABLE sqp.search_query_market IS
    'A query in a report period, whole market, once: built from all own ASINs, before any brand filter.';
COMMENT ON COLUMN sqp.search_query_market.client_id IS
    'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.search_query_market.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.search_query_market.report_period IS
    'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.search_query_market.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.search_query_market.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.search_query_market.search_query_key IS
    'Query text, NFKC, case-folded, white space collapsed and trimmed.';
COMMENT ON COLUMN sqp.search_query_market.search_query IS
    'Query text as delivered; where spellings share the key, the latest delivered one.';
COMMENT ON COLUMN sqp.search_query_market.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.search_query_market.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON COLUMN sqp.search_query_market.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.search_query_market.total_click_rate IS
    'Market clicks ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_market.total_median_click_price_amount IS
    'Median price of clicks, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_market.total_median_click_price_currency_code IS
    'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_market.total_same_day_shipping_click_count IS
    'Market clicks with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_one_day_shipping_click_count IS
    'Market clicks with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_two_day_shipping_click_count IS
    'Market clicks with a two-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.search_query_market.total_cart_add_rate IS
    'Market cart adds ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_market.total_median_cart_add_price_amount IS
    'Median price of cart adds, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_market.total_median_cart_add_price_currency_code IS
    'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_market.total_same_day_shipping_cart_add_count IS
    'Market cart adds with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_one_day_shipping_cart_add_count IS
    'Market cart adds with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_two_day_shipping_cart_add_count IS
    'Market cart adds with a two-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.search_query_market.total_purchase_rate IS
    'Market purchases ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_market.total_median_purchase_price_amount IS
    'Median price of purchases, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_market.total_median_purchase_price_currency_code IS
    'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_market.total_same_day_shipping_purchase_count IS
    'Market purchases with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_one_day_shipping_purchase_count IS
    'Market purchases with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_two_day_shipping_purchase_count IS
    'Market purchases with a two-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.n_own_asins IS 'Own ASINs with a row for the query.';
COMMENT ON COLUMN sqp.search_query_market.totals_disagree IS
    'Rows of the query delivered different totals or volumes; the latest delivery won.';

COMMENT ON TABLE sqp.report_coverage IS 'Whether an ASIN was measured in a period: a missing row is not a zero.';
COMMENT ON TABLE sqp.brands IS 'Brands of a client. The name unmapped is kept for ASINs without a brand.';
COMMENT ON TABLE sqp.asin_brand_map IS 'The brand of an ASIN in a marketplace; a manual entry beats an automatic one.';
COMMENT ON TABLE sqp.brand_terms IS 'Terms that make a query a branded one.';
COMMENT ON TABLE sqp.query_class IS 'Branded, generic or competitor, by query key.';
