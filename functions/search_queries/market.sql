-- After latest.sql: one row per query key × period, with the market's figures once.

-- The totals of a query stand on each of its rows. They are taken from one, the latest that came; a query whose rows
-- do not agree is marked.
, placed AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY client_id, marketplace_id, report_period, start_date, search_query_key
      ORDER BY ingested_at DESC, batch_id DESC, asin, search_query
    ) AS place,
    TO_JSON_STRING(STRUCT(
      search_query_volume, total_query_impression_count, total_click_count, total_same_day_shipping_click_count,
      total_one_day_shipping_click_count, total_two_day_shipping_click_count, total_cart_add_count,
      total_same_day_shipping_cart_add_count, total_one_day_shipping_cart_add_count,
      total_two_day_shipping_cart_add_count, total_purchase_count, total_same_day_shipping_purchase_count,
      total_one_day_shipping_purchase_count, total_two_day_shipping_purchase_count
    )) AS all_totals
  FROM scaled
),


-- As in source.sql, the casts around ROUND are there for the emulator.
market AS (
  SELECT
    client_id,
    marketplace_id,
    report_period,
    start_date,
    MAX(IF(place = 1, COALESCE(end_date, CASE report_period
      WHEN 'WEEK' THEN DATE_ADD(start_date, INTERVAL 6 DAY)
      WHEN 'MONTH' THEN LAST_DAY(start_date, MONTH)
      WHEN 'QUARTER' THEN LAST_DAY(start_date, QUARTER)
    END), NULL)) AS period_end,
    search_query_key,
    MAX(IF(place = 1, search_query, NULL)) AS search_query,
    MAX(IF(place = 1, search_query_volume, NULL)) AS search_query_volume,
    MAX(IF(place = 1, total_query_impression_count, NULL)) AS total_query_impression_count,
    MAX(IF(place = 1, total_click_count, NULL)) AS total_click_count,
    MAX(IF(place = 1, total_click_rate, NULL)) AS total_click_rate,
    CAST(
      MAX(IF(place = 1, ROUND(total_median_click_price_amount, 2), NULL)) AS NUMERIC
    ) AS total_median_click_price_amount,
    MAX(IF(place = 1, total_median_click_price_currency_code, NULL)) AS total_median_click_price_currency_code,
    MAX(IF(place = 1, total_same_day_shipping_click_count, NULL)) AS total_same_day_shipping_click_count,
    MAX(IF(place = 1, total_one_day_shipping_click_count, NULL)) AS total_one_day_shipping_click_count,
    MAX(IF(place = 1, total_two_day_shipping_click_count, NULL)) AS total_two_day_shipping_click_count,
    MAX(IF(place = 1, total_cart_add_count, NULL)) AS total_cart_add_count,
    MAX(IF(place = 1, total_cart_add_rate, NULL)) AS total_cart_add_rate,
    CAST(
      MAX(IF(place = 1, ROUND(total_median_cart_add_price_amount, 2), NULL)) AS NUMERIC
    ) AS total_median_cart_add_price_amount,
    MAX(IF(place = 1, total_median_cart_add_price_currency_code, NULL)) AS total_median_cart_add_price_currency_code,
    MAX(IF(place = 1, total_same_day_shipping_cart_add_count, NULL)) AS total_same_day_shipping_cart_add_count,
    MAX(IF(place = 1, total_one_day_shipping_cart_add_count, NULL)) AS total_one_day_shipping_cart_add_count,
    MAX(IF(place = 1, total_two_day_shipping_cart_add_count, NULL)) AS total_two_day_shipping_cart_add_count,
    MAX(IF(place = 1, total_purchase_count, NULL)) AS total_purchase_count,
    MAX(IF(place = 1, total_purchase_rate, NULL)) AS total_purchase_rate,
    CAST(
      MAX(IF(place = 1, ROUND(total_median_purchase_price_amount, 2), NULL)) AS NUMERIC
    ) AS total_median_purchase_price_amount,
    MAX(IF(place = 1, total_median_purchase_price_currency_code, NULL)) AS total_median_purchase_price_currency_code,
    MAX(IF(place = 1, total_same_day_shipping_purchase_count, NULL)) AS total_same_day_shipping_purchase_count,
    MAX(IF(place = 1, total_one_day_shipping_purchase_count, NULL)) AS total_one_day_shipping_purchase_count,
    MAX(IF(place = 1, total_two_day_shipping_purchase_count, NULL)) AS total_two_day_shipping_purchase_count,
    COUNT(DISTINCT asin) AS n_own_asins,
    COUNT(*) AS delivered_rows,
    MIN(all_totals) <> MAX(all_totals) AS totals_disagree,
    SUM(deliveries - 1) AS refresh_superseded,
    COUNT(*) - 1 AS refresh_merged
  FROM placed
  GROUP BY client_id, marketplace_id, report_period, start_date, search_query_key
)

SELECT
  client_id,
  marketplace_id,
  report_period,
  start_date AS period_start,
  period_end,
  search_query_key,
  search_query,
  search_query_volume,
  total_query_impression_count,
  total_click_count,
  total_click_rate,
  total_median_click_price_amount,
  total_median_click_price_currency_code,
  total_same_day_shipping_click_count,
  total_one_day_shipping_click_count,
  total_two_day_shipping_click_count,
  total_cart_add_count,
  total_cart_add_rate,
  total_median_cart_add_price_amount,
  total_median_cart_add_price_currency_code,
  total_same_day_shipping_cart_add_count,
  total_one_day_shipping_cart_add_count,
  total_two_day_shipping_cart_add_count,
  total_purchase_count,
  total_purchase_rate,
  total_median_purchase_price_amount,
  total_median_purchase_price_currency_code,
  total_same_day_shipping_purchase_count,
  total_one_day_shipping_purchase_count,
  total_two_day_shipping_purchase_count,
  n_own_asins,
  totals_disagree,
  refresh_superseded,
  refresh_merged,
  IF(
    ROW_NUMBER() OVER (
      PARTITION BY client_id, marketplace_id, report_period, start_date ORDER BY search_query_key
    ) = 1,
    TO_JSON_STRING(STRUCT(
      client_id AS client_id,
      marketplace_id AS marketplace_id,
      report_period AS report_period,
      COUNT(*) OVER (PARTITION BY client_id, marketplace_id, report_period, start_date) AS `rows`,
      delivered AS delivered,
      own_exceeds_total AS own_exceeds_total,
      share_differs AS share_differs,
      share_unit_ambiguous AS share_unit_ambiguous,
      own_counts_missing AS own_counts_missing,
      period_not_whole AS period_not_whole,
      negative_count AS negative_count,
      duplicate_keys AS duplicate_keys,
      SUM(IF(totals_disagree, delivered_rows, 0)) OVER (
        PARTITION BY client_id, marketplace_id, report_period, start_date
      ) AS totals_disagree
    )),
    NULL
  ) AS refresh_report
FROM market
LEFT JOIN report USING (client_id, marketplace_id, report_period, start_date)
