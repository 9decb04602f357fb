-- Freshness, and the views that dashboards may rely on by name. That a job ran is one figure, how old the data are is
-- another: a job that finds nothing new for weeks is green, and its data are stale.

CREATE VIEW sqp.published_reports AS
WITH RECURSIVE report (client_id, marketplace_id, report_period, period_start, period_end) AS (
    (
        SELECT client_id, marketplace_id, report_period, period_start, period_end
        FROM sqp.search_query_market
        ORDER BY client_id, marketplace_id, report_period, period_start LIMIT 1
    )
    UNION ALL
    SELECT next.client_id, next.marketplace_id, next.report_period, next.period_start, next.period_end
    FROM report
    CROSS JOIN LATERAL (
        SELECT market.client_id, market.marketplace_id, market.report_period, market.period_start, market.period_end
        FROM sqp.search_query_market AS market
        WHERE (market.client_id, market.marketplace_id, market.report_period, market.period_start)
            > (report.client_id, report.marketplace_id, report.report_period, report.period_start)
        ORDER BY market.client_id, market.marketplace_id, market.report_period, market.period_start LIMIT 1
    ) AS next
)
SELECT client_id, marketplace_id, report_period, period_start, period_end FROM report;
COMMENT ON VIEW sqp.published_reports IS 'The reports that are published: client × marketplace × report period × period, found by as many index look-ups as there are.';

CREATE FUNCTION sqp.publication_days(OUT expected_days integer, OUT stale_days integer) LANGUAGE sql STABLE AS $$
SELECT coalesce(max((checks ->> 'expected_days')::integer), 5), coalesce(max((checks ->> 'stale_days')::integer), 10)
FROM refresh.refresh_table_registry AS registry
JOIN pg_catalog.pg_class AS relation ON relation.oid = 'sqp.search_query_performance'::regclass
WHERE registry.table_schema = relation.relnamespace::regnamespace::text AND registry.table_name = relation.relname
$$;
COMMENT ON FUNCTION sqp.publication_days IS
    'Days after the end of a period at which its report is expected (5), and at which its absence is an alert (10): expected_days and stale_days in the checks of search_query_performance in the registry.';

CREATE FUNCTION sqp.missing_periods(as_of timestamptz)
RETURNS TABLE (
    client_id text, marketplace_id text, report_period text, period_start date, period_end date,
    expected_on date, stale_on date, is_stale boolean
) LANGUAGE sql STABLE AS $$
WITH report AS MATERIALIZED (
    SELECT client_id, marketplace_id, report_period, period_start FROM sqp.published_reports
)
SELECT series.client_id, series.marketplace_id, series.report_period, due.period_start, due.period_end,
    due.period_end + days.expected_days, due.period_end + days.stale_days,
    due.period_end + days.stale_days <= ($1 AT TIME ZONE 'UTC')::date
FROM (
    SELECT client_id, marketplace_id, report_period, min(period_start) AS first_start
    FROM report
    GROUP BY client_id, marketplace_id, report_period
) AS series
CROSS JOIN sqp.publication_days() AS days
CROSS JOIN LATERAL (
    SELECT day::date AS period_start, (day + step.length)::date - 1 AS period_end
    FROM (SELECT CASE series.report_period
        WHEN 'WEEK' THEN interval '7 days' WHEN 'MONTH' THEN interval '1 month' ELSE interval '3 months' END AS length
    ) AS step
    CROSS JOIN LATERAL generate_series(series.first_start::timestamp, ($1 AT TIME ZONE 'UTC'), step.length) AS day
) AS due
WHERE due.period_end + days.expected_days <= ($1 AT TIME ZONE 'UTC')::date
    AND NOT EXISTS (
        SELECT FROM report
        WHERE report.client_id = series.client_id AND report.marketplace_id = series.marketplace_id
            AND report.report_period = series.report_period AND report.period_start = due.period_start)
ORDER BY 1, 2, 3, 4
$$;
COMMENT ON FUNCTION sqp.missing_periods IS
    'Periods, from the first published one of a client, marketplace and report period on, whose report was expected by then and is not there. Days are UTC.';

CREATE FUNCTION sqp.freshness(as_of timestamptz)
RETURNS TABLE (
    client_id text, marketplace_id text, report_period text, last_period_start date, last_period_end date,
    data_age_days integer, next_period_end date, next_expected_on date, data_status text,
    n_missing_periods bigint, missing_periods date[],
    job_last_success_at timestamptz, job_last_status text, job_status text, summaries_refreshed_at timestamptz
) LANGUAGE sql STABLE AS $$
WITH warehouse AS (
    SELECT relnamespace::regnamespace::text AS schema FROM pg_catalog.pg_class
    WHERE oid = 'sqp.search_query_performance'::regclass
),
job AS (
    SELECT registry.last_refreshed_at, registry.frequency_hours,
        (
            SELECT task.status FROM refresh.refresh_task AS task
            WHERE task.table_schema = registry.table_schema AND task.table_name = registry.table_name
                AND task.finished_at IS NOT NULL
            ORDER BY task.finished_at DESC LIMIT 1
        ) AS last_status
    FROM refresh.refresh_table_registry AS registry, warehouse
    WHERE registry.table_schema = warehouse.schema AND registry.table_name = 'search_query_performance'
),
summary AS (
    SELECT min(status.last_refreshed_at) AS refreshed_at
    FROM refresh.materialized_view_refresh_status AS status, warehouse WHERE status.table_schema = warehouse.schema
),
missing AS (
    SELECT client_id, marketplace_id, report_period, array_agg(period_start ORDER BY period_start) AS periods,
        max(period_start) AS last_missing, max(period_start) FILTER (WHERE is_stale) AS last_stale
    FROM sqp.missing_periods($1)
    GROUP BY client_id, marketplace_id, report_period
),
latest AS (
    SELECT client_id, marketplace_id, report_period, max(period_start) AS last_start, max(period_end) AS last_end
    FROM sqp.published_reports
    GROUP BY client_id, marketplace_id, report_period
)
SELECT client_id, marketplace_id, report_period, last_start, last_end,
    ($1 AT TIME ZONE 'UTC')::date - last_end, next.period_end, next.period_end + days.expected_days,
    CASE
        WHEN missing.last_stale > last_start THEN 'stale'
        WHEN missing.last_missing > last_start THEN 'late'
        ELSE 'fresh'
    END,
    coalesce(cardinality(missing.periods), 0)::bigint, coalesce(missing.periods, '{}'),
    job.last_refreshed_at, job.last_status,
    CASE
        WHEN job.last_refreshed_at IS NULL THEN 'never'
        WHEN job.last_status IN ('failed', 'held', 'skipped') THEN 'failing'
        WHEN job.last_refreshed_at < $1 - make_interval(hours => 2 * job.frequency_hours) THEN 'overdue'
        ELSE 'current'
    END,
    summary.refreshed_at
FROM latest
CROSS JOIN sqp.publication_days() AS days
CROSS JOIN summary
CROSS JOIN LATERAL (
    SELECT CASE report_period
        WHEN 'WEEK' THEN last_end + 7
        WHEN 'MONTH' THEN (last_start + interval '2 months')::date - 1
        ELSE (last_start + interval '6 months')::date - 1
    END AS period_end
) AS next
LEFT JOIN job ON true
LEFT JOIN missing USING (client_id, marketplace_id, report_period)
ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION sqp.freshness IS
    'Data and job freshness at a moment. data_status: fresh, late (a report was expected and is not there), stale (past the alert). job_status: current, failing (the last task failed, was held or skipped), overdue (no success for two intervals), never. Periods missing before the last one are listed, but leave the status alone.';

CREATE TABLE sqp.stale_alert (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    report_period text NOT NULL,
    period_start date NOT NULL,
    alerted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (client_id, marketplace_id, report_period, period_start)
);
COMMENT ON TABLE sqp.stale_alert IS 'Reports whose absence was told by a data.stale event: once each.';

CREATE FUNCTION sqp.owe_stale_events(as_of timestamptz) RETURNS bigint LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
WITH newly AS (
    INSERT INTO sqp.stale_alert (client_id, marketplace_id, report_period, period_start)
    SELECT client_id, marketplace_id, report_period, period_start FROM sqp.missing_periods($1)
    WHERE is_stale AND stale_on > ($1 AT TIME ZONE 'UTC')::date - 35
    ON CONFLICT DO NOTHING
    RETURNING *
),
owed AS (
    INSERT INTO refresh.refresh_outbox (topic, payload)
    SELECT 'refresh-events', jsonb_build_object(
        'id', gen_random_uuid(), 'type', 'data.stale',
        'occurred_at', to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'run_id', NULL,
        'table', (SELECT relnamespace::regnamespace::text || '.' || relname FROM pg_class WHERE oid = 'sqp.search_query_performance'::regclass),
        'data', jsonb_build_object(
            'client_id', missing.client_id, 'marketplace_id', missing.marketplace_id,
            'report_period', missing.report_period, 'period_start', missing.period_start, 'period_end', missing.period_end,
            'expected_on', missing.expected_on, 'stale_on', missing.stale_on))
    FROM newly
    JOIN sqp.missing_periods($1) AS missing USING (client_id, marketplace_id, report_period, period_start)
    RETURNING 1
)
SELECT count(*) FROM owed
$$;
COMMENT ON FUNCTION sqp.owe_stale_events IS
    'Owes a data.stale event, once, for each report that is missing past its alert; returns how many. Alerts that fell due more than 35 days ago are left alone, so that an old history does not raise a storm.';

CREATE VIEW sqp.brand_dashboard_freshness AS SELECT * FROM sqp.freshness(now());
COMMENT ON VIEW sqp.brand_dashboard_freshness IS 'sqp.freshness as of now.';

CREATE VIEW sqp.brand_dashboard_kpis AS
SELECT
    now.*,
    row_number() OVER (
        PARTITION BY now.client_id, now.marketplace_id, now.report_period, now.brand ORDER BY now.period_start DESC
    ) = 1 AS is_latest,
    sqp.previous_start(now.report_period, now.period_start) AS previous_period_start,
    now.asin_impression_count::numeric / nullif(before.asin_impression_count, 0) - 1 AS asin_impression_count_change,
    now.asin_click_count::numeric / nullif(before.asin_click_count, 0) - 1 AS asin_click_count_change,
    now.asin_cart_add_count::numeric / nullif(before.asin_cart_add_count, 0) - 1 AS asin_cart_add_count_change,
    now.asin_purchase_count::numeric / nullif(before.asin_purchase_count, 0) - 1 AS asin_purchase_count_change,
    now.search_query_volume::numeric / nullif(before.search_query_volume, 0) - 1 AS search_query_volume_change,
    now.total_query_impression_count::numeric / nullif(before.total_query_impression_count, 0) - 1 AS total_query_impression_count_change,
    now.total_click_count::numeric / nullif(before.total_click_count, 0) - 1 AS total_click_count_change,
    now.total_cart_add_count::numeric / nullif(before.total_cart_add_count, 0) - 1 AS total_cart_add_count_change,
    now.total_purchase_count::numeric / nullif(before.total_purchase_count, 0) - 1 AS total_purchase_count_change,
    100 * (now.impression_share - before.impression_share) AS impression_share_gap_pp,
    100 * (now.click_share - before.click_share) AS click_share_gap_pp,
    100 * (now.cart_add_share - before.cart_add_share) AS cart_add_share_gap_pp,
    100 * (now.purchase_share - before.purchase_share) AS purchase_share_gap_pp,
    sqp.year_before(now.report_period, now.period_start) AS year_before_period_start,
    now.asin_impression_count::numeric / nullif(year.asin_impression_count, 0) - 1 AS asin_impression_count_year_change,
    now.asin_click_count::numeric / nullif(year.asin_click_count, 0) - 1 AS asin_click_count_year_change,
    now.asin_cart_add_count::numeric / nullif(year.asin_cart_add_count, 0) - 1 AS asin_cart_add_count_year_change,
    now.asin_purchase_count::numeric / nullif(year.asin_purchase_count, 0) - 1 AS asin_purchase_count_year_change,
    now.search_query_volume::numeric / nullif(year.search_query_volume, 0) - 1 AS search_query_volume_year_change,
    now.total_query_impression_count::numeric / nullif(year.total_query_impression_count, 0) - 1 AS total_query_impression_count_year_change,
    now.total_click_count::numeric / nullif(year.total_click_count, 0) - 1 AS total_click_count_year_change,
    now.total_cart_add_count::numeric / nullif(year.total_cart_add_count, 0) - 1 AS total_cart_add_count_year_change,
    now.total_purchase_count::numeric / nullif(year.total_purchase_count, 0) - 1 AS total_purchase_count_year_change,
    100 * (now.impression_share - year.impression_share) AS impression_share_year_gap_pp,
    100 * (now.click_share - year.click_share) AS click_share_year_gap_pp,
    100 * (now.cart_add_share - year.cart_add_share) AS cart_add_share_year_gap_pp,
    100 * (now.purchase_share - year.purchase_share) AS purchase_share_year_gap_pp
FROM sqp.brand_period_summary AS now
LEFT JOIN sqp.brand_period_summary AS before
    ON (before.client_id, before.marketplace_id, before.report_period, before.brand)
        = (now.client_id, now.marketplace_id, now.report_period, now.brand)
    AND before.period_start = sqp.previous_start(now.report_period, now.period_start)
LEFT JOIN sqp.brand_period_summary AS year
    ON (year.client_id, year.marketplace_id, year.report_period, year.brand)
        = (now.client_id, now.marketplace_id, now.report_period, now.brand)
    AND year.period_start = sqp.year_before(now.report_period, now.period_start);
COMMENT ON VIEW sqp.brand_dashboard_kpis IS
    'Brand × period with its change against the period before and the year before. _change is now ÷ then − 1, NULL where then was 0 or not reported; _gap_pp is the share now − the share then, in percentage points. A year before a week is 364 days.';

CREATE VIEW sqp.brand_dashboard_timeseries AS
SELECT client_id, marketplace_id, report_period, period_start, period_end, brand, n_queries,
    asin_impression_count,
    asin_click_count,
    asin_cart_add_count,
    asin_purchase_count,
    search_query_volume,
    total_query_impression_count,
    total_click_count,
    total_cart_add_count,
    total_purchase_count,
    impression_share,
    click_share,
    cart_add_share,
    purchase_share,
    click_through_rate,
    cart_add_rate,
    purchase_rate,
    cart_to_purchase_rate,
    market_click_through_rate,
    market_cart_add_rate,
    market_purchase_rate,
    market_cart_to_purchase_rate
FROM sqp.brand_period_summary;
COMMENT ON VIEW sqp.brand_dashboard_timeseries IS 'Brand × period: counts, shares and rates to be drawn over period_start; keep to one report_period.';

CREATE VIEW sqp.brand_dashboard_products AS
SELECT
    now.*,
    now.asin_impression_count::numeric / nullif(before.asin_impression_count, 0) - 1 AS asin_impression_count_change,
    now.asin_click_count::numeric / nullif(before.asin_click_count, 0) - 1 AS asin_click_count_change,
    now.asin_cart_add_count::numeric / nullif(before.asin_cart_add_count, 0) - 1 AS asin_cart_add_count_change,
    now.asin_purchase_count::numeric / nullif(before.asin_purchase_count, 0) - 1 AS asin_purchase_count_change,
    100 * (now.impression_share - before.impression_share) AS impression_share_gap_pp,
    100 * (now.click_share - before.click_share) AS click_share_gap_pp,
    100 * (now.cart_add_share - before.cart_add_share) AS cart_add_share_gap_pp,
    100 * (now.purchase_share - before.purchase_share) AS purchase_share_gap_pp
FROM sqp.asin_period_summary AS now
LEFT JOIN sqp.asin_period_summary AS before
    ON (before.client_id, before.marketplace_id, before.report_period, before.asin)
        = (now.client_id, now.marketplace_id, now.report_period, now.asin)
    AND before.period_start = sqp.previous_start(now.report_period, now.period_start);
COMMENT ON VIEW sqp.brand_dashboard_products IS
    'ASIN × period with its brand, and its change against the period before as in sqp.brand_dashboard_kpis. Never sum market figures over ASINs.';

CREATE VIEW sqp.brand_dashboard_queries AS
SELECT
    summary.*,
    sqp.class_of(client_id, marketplace_id, search_query_key) AS class,
    click_through_rate / nullif(market_click_through_rate, 0) AS click_through_rate_index,
    purchase_rate / nullif(market_purchase_rate, 0) AS purchase_rate_index,
    100 * (click_share - impression_share) AS click_share_gap_pp,
    100 * (purchase_share - click_share) AS purchase_share_gap_pp,
    (total_purchase_count - asin_purchase_count)::numeric AS lost_purchases_headroom,
    greatest(0, asin_click_count * market_purchase_rate - asin_purchase_count) AS lost_purchases_gap,
    greatest(0, asin_click_count * (total_purchase_count - asin_purchase_count)::numeric
        / nullif(total_click_count - asin_click_count, 0) - asin_purchase_count) AS lost_purchases_rest,
    greatest(0, total_purchase_count * impression_share - asin_purchase_count) AS lost_purchases_visibility
FROM sqp.search_performance_summary AS summary;
COMMENT ON VIEW sqp.brand_dashboard_queries IS
    'Brand × query × period with class, indices (own rate ÷ market rate), share gaps in percentage points and lost purchases as in sqp.lost_purchases, of the brand. Never sum market figures over brands.';

CREATE VIEW sqp.parent_period_summary AS
SELECT client_id, marketplace_id, report_period, period_start, period_end, parent_asin, n_own_asins, n_queries,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count,
    ratio.*
FROM (
    SELECT client_id, marketplace_id, report_period, period_start, parent_asin,
        max(period_end) AS period_end,
        max(n_asins) AS n_own_asins,
        count(*) AS n_queries,
        sum(own.asin_impression_count)::bigint AS asin_impression_count,
        sum(own.asin_click_count)::bigint AS asin_click_count,
        sum(own.asin_cart_add_count)::bigint AS asin_cart_add_count,
        sum(own.asin_purchase_count)::bigint AS asin_purchase_count,
        sum(market.search_query_volume)::bigint AS search_query_volume,
        sum(market.total_query_impression_count)::bigint AS total_query_impression_count,
        sum(market.total_click_count)::bigint AS total_click_count,
        sum(market.total_cart_add_count)::bigint AS total_cart_add_count,
        sum(market.total_purchase_count)::bigint AS total_purchase_count
    FROM (
        SELECT client_id, marketplace_id, report_period, period_start, coalesce(parent_asin, asin) AS parent_asin, search_query_key,
            count(*) AS n_asins,
            sum(asin_impression_count)::bigint AS asin_impression_count,
            sum(asin_click_count)::bigint AS asin_click_count,
            sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
            sum(asin_purchase_count)::bigint AS asin_purchase_count
        FROM sqp.search_query_performance
        GROUP BY client_id, marketplace_id, report_period, period_start, coalesce(parent_asin, asin), search_query_key
    ) AS own
    LEFT JOIN sqp.search_query_market AS market USING (client_id, marketplace_id, report_period, period_start, search_query_key)
    GROUP BY client_id, marketplace_id, report_period, period_start, parent_asin
) AS family
CROSS JOIN LATERAL sqp.ratios(
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
) AS ratio;
COMMENT ON VIEW sqp.parent_period_summary IS
    'Parent ASIN × period: own counts of its children summed, the market of each query once. An ASIN without a parent stands for itself.';
COMMENT ON COLUMN sqp.parent_period_summary.n_own_asins IS 'Most children that stood on one query.';

CREATE FUNCTION sqp.register_summaries(priority integer DEFAULT 50, frequency_hours integer DEFAULT 24) RETURNS SETOF text
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
WITH warehouse AS (
    SELECT relnamespace::regnamespace::text AS schema FROM pg_class WHERE oid = 'sqp.search_query_performance'::regclass
),
wanted (place, name, inputs) AS (VALUES
    (1, 'search_performance_summary', ARRAY['search_query_performance', 'search_query_market']),
    (2, 'weekly_summary', ARRAY['search_query_performance', 'search_query_market']),
    (2, 'monthly_summary', ARRAY['search_query_performance', 'search_query_market']),
    (2, 'quarterly_summary', ARRAY['search_query_performance', 'search_query_market']),
    (2, 'asin_period_summary', ARRAY['asin_performance_data', 'search_query_performance', 'search_query_market']),
    (2, 'query_class_summary', ARRAY['search_query_performance', 'search_query_market']),
    (2, 'cannibalisation_summary', ARRAY['search_query_performance']),
    (3, 'brand_period_summary', ARRAY['search_performance_summary'])
)
SELECT view.table_schema || '.' || view.table_name
FROM (SELECT * FROM wanted, warehouse ORDER BY place, name) AS wanted
CROSS JOIN LATERAL refresh.register_table(
    wanted.schema, wanted.name, handler => 'summaries', priority => $1 + wanted.place, frequency_hours => $2,
    depends_on => (SELECT jsonb_object_agg(wanted.schema || '.' || input, 'hard') FROM unnest(wanted.inputs) AS input)
) AS view
$$;
COMMENT ON FUNCTION sqp.register_summaries IS
    'Registers every summary of the warehouse with the tables that it waits for, which must be registered before; returns their names.';
