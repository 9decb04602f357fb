-- A column means the same wherever it stands, so its description is written once: on the table that it comes from, or
-- below. From here on no column of the warehouse is without one.
DO $$
DECLARE
    described record;
BEGIN
    FOR described IN
        WITH warehouse AS (
            SELECT relnamespace AS schema FROM pg_catalog.pg_class WHERE oid = 'sqp.search_query_market'::regclass
        ),
        wanted AS (
            SELECT c.oid AS relation, a.attnum, a.attname AS name, c.relkind
            FROM pg_catalog.pg_class AS c
            JOIN warehouse ON c.relnamespace = warehouse.schema
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'm', 'v') AND pg_catalog.col_description(c.oid, a.attnum) IS NULL
        ),
        known AS (
            SELECT DISTINCT ON (a.attname) a.attname AS name, pg_catalog.col_description(a.attrelid, a.attnum) AS said
            FROM unnest(ARRAY['sqp.search_query_market', 'sqp.search_query_performance', 'sqp.asin_performance_data']::regclass[])
                WITH ORDINALITY AS source (relation, place)
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = source.relation AND a.attnum > 0
            WHERE pg_catalog.col_description(a.attrelid, a.attnum) IS NOT NULL AND a.attname <> 'n_own_asins'
            ORDER BY a.attname, source.place
        ),
        written (name, said) AS (VALUES
            ('brand', 'Brand of the own ASINs; unmapped where none is known.'),
            ('brand_id', 'Number of the brand.'),
            ('origin', 'manual: by a person, beats automatic.'),
            ('term', 'Words, as a query key, that make a query a branded one.'),
            ('class', 'branded, generic or competitor.'),
            ('coverage', 'measured, empty_report or not_covered.'),
            ('alerted_at', 'When the data.stale event was owed.'),
            ('n_own_asins', 'Own ASINs with a row.'),
            ('n_queries', 'Queries with an own row.'),
            ('n_totals_disagree', 'Queries whose rows delivered different totals; the latest delivery was taken.'),
            ('n_own_exceeds_total', 'Rows with an own count above the total.'),
            ('n_share_differs', 'Rows whose share is off own ÷ total by more than 0.0002.'),
            ('impression_share', 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.'),
            ('click_share', 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.'),
            ('cart_add_share', 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.'),
            ('purchase_share', 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.'),
            ('click_through_rate', 'Own clicks ÷ own impressions; a fraction.'),
            ('cart_add_rate', 'Own cart adds ÷ own clicks; a fraction.'),
            ('purchase_rate', 'Own purchases ÷ own clicks; a fraction.'),
            ('cart_to_purchase_rate', 'Own purchases ÷ own cart adds; a fraction.'),
            ('market_click_through_rate', 'Market clicks ÷ market impressions; a fraction.'),
            ('market_cart_add_rate', 'Market cart adds ÷ market clicks; a fraction.'),
            ('market_purchase_rate', 'Market purchases ÷ market clicks; a fraction.'),
            ('market_cart_to_purchase_rate', 'Market purchases ÷ market cart adds; a fraction.'),
            ('click_through_rate_index', 'Own click-through rate ÷ the market''s; 1 is equal.'),
            ('purchase_rate_index', 'Own purchase rate ÷ the market''s; 1 is equal.'),
            ('lost_purchases_headroom', 'Market purchases − own purchases.'),
            ('lost_purchases_gap', 'max(0, own clicks × market purchase rate − own purchases); purchases.'),
            ('lost_purchases_rest', 'The same at the purchase rate of the rest of the market; purchases.'),
            ('lost_purchases_visibility', 'max(0, market purchases × own impression share − own purchases); purchases.'),
            ('impression_hhi', 'Σ(impressions of an own ASIN ÷ own impressions)²; 1 is one ASIN alone.'),
            ('top_asin', 'Own ASIN with most impressions on the query.'),
            ('top_asin_impression_share', 'Impressions of the top ASIN ÷ own impressions; a fraction.'),
            ('is_latest', 'Whether it is the newest period of the brand.'),
            ('previous_period_start', 'First day of the period that _change and _gap_pp compare with.'),
            ('year_before_period_start', 'First day of the period that _year_change and _year_gap_pp compare with.'),
            ('last_period_start', 'First day of the newest published period.'),
            ('last_period_end', 'Last day of the newest published period.'),
            ('data_age_days', 'Days since the newest published period ended, UTC.'),
            ('next_period_end', 'Last day of the period after it.'),
            ('next_expected_on', 'Day on which the report of that period is expected.'),
            ('data_status', 'fresh, late or stale.'),
            ('n_missing_periods', 'Periods that were expected and are not there.'),
            ('missing_periods', 'First days of those periods.'),
            ('job_last_success_at', 'When the table was last refreshed, with or without new data.'),
            ('job_last_status', 'Status of its last task.'),
            ('job_status', 'current, failing, overdue or never.'),
            ('summaries_refreshed_at', 'When the summary that was refreshed longest ago was.')
        ),
        rule (pattern, said) AS (VALUES
            ('_year_gap_pp$', 'Share now − share a year before, in percentage points; NULL without that period.'),
            ('_year_change$', 'Now ÷ a year before − 1; NULL without that period, or where it had 0.'),
            ('_gap_pp$', 'Share now − share of the period before, in percentage points; NULL without that period.'),
            ('_change$', 'Now ÷ the period before − 1; NULL without that period, or where it had 0.')
        )
        SELECT wanted.relation::regclass AS relation, wanted.relkind, wanted.name,
            coalesce(
                CASE WHEN wanted.relation = 'sqp.brand_dashboard_queries'::regclass THEN CASE wanted.name
                    WHEN 'click_share_gap_pp' THEN 'Click share − impression share, in percentage points.'
                    WHEN 'purchase_share_gap_pp' THEN 'Purchase share − click share, in percentage points.' END END,
                known.said, written.said,
                (SELECT rule.said FROM rule WHERE wanted.name ~ rule.pattern
                    ORDER BY length(rule.pattern) DESC LIMIT 1)) AS said
        FROM wanted LEFT JOIN known ON known.name = wanted.name LEFT JOIN written ON written.name = wanted.name
        ORDER BY wanted.relation, wanted.attnum
    LOOP
        IF described.said IS NULL THEN
            RAISE EXCEPTION '%.% has no description', described.relation, described.name;
        END IF;
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', described.relation, described.name, described.said);
    END LOOP;
END $$;
