-- After latest.sql: one row per own ASIN × query key × period.

-- Two spellings of one query share one row: own counts add up, all else comes from the latest of them.
, spellings AS (
  SELECT
    *,
    SUM(asin_impression_count) OVER one_row AS own_impression_count,
    SUM(asin_click_count) OVER one_row AS own_click_count,
    SUM(asin_cart_add_count) OVER one_row AS own_cart_add_count,
    SUM(asin_purchase_count) OVER one_row AS own_purchase_count,
    SUM(deliveries - 1) OVER one_row AS superseded,
    COUNT(*) OVER one_row AS spelling_count
  FROM scaled
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (one_row ORDER BY ingested_at DESC, batch_id DESC, search_query) = 1
  WINDOW one_row AS (
    PARTITION BY client_id, marketplace_id, report_period, start_date, asin, search_query_key
  )
)

-- The casts around ROUND change nothing in BigQuery; its emulator would go on reckoning with doubles.
SELECT
  client_id,
  marketplace_id,
  report_period,
  start_date AS period_start,
  COALESCE(end_date, CASE report_period
    WHEN 'WEEK' THEN DATE_ADD(start_date, INTERVAL 6 DAY)
    WHEN 'MONTH' THEN LAST_DAY(start_date, MONTH)
    WHEN 'QUARTER' THEN LAST_DAY(start_date, QUARTER)
  END) AS period_end,
  asin,
  parent_asin,
  search_query_key,
  search_query,
  search_query_score,
  search_query_volume,
  total_query_impression_count,
  own_impression_count AS asin_impression_count,
  CAST(IF(
    spelling_count = 1,
    ROUND(asin_impression_share * share_scale, 8),
    ROUND(CAST(SAFE_DIVIDE(own_impression_count, total_query_impression_count) AS NUMERIC), 8)
  ) AS NUMERIC) AS asin_impression_share,
  total_click_count,
  total_click_rate,
  CAST(ROUND(total_median_click_price_amount, 2) AS NUMERIC) AS total_median_click_price_amount,
  total_median_click_price_currency_code,
  total_same_day_shipping_click_count,
  total_one_day_shipping_click_count,
  total_two_day_shipping_click_count,
  own_click_count AS asin_click_count,
  CAST(IF(
    spelling_count = 1,
    ROUND(asin_click_share * share_scale, 8),
    ROUND(CAST(SAFE_DIVIDE(own_click_count, total_click_count) AS NUMERIC), 8)
  ) AS NUMERIC) AS asin_click_share,
  CAST(ROUND(asin_median_click_price_amount, 2) AS NUMERIC) AS asin_median_click_price_amount,
  asin_median_click_price_currency_code,
  total_cart_add_count,
  total_cart_add_rate,
  CAST(ROUND(total_median_cart_add_price_amount, 2) AS NUMERIC) AS total_median_cart_add_price_amount,
  total_median_cart_add_price_currency_code,
  total_same_day_shipping_cart_add_count,
  total_one_day_shipping_cart_add_count,
  total_two_day_shipping_cart_add_count,
  own_cart_add_count AS asin_cart_add_count,
  CAST(IF(
    spelling_count = 1,
    ROUND(asin_cart_add_share * share_scale, 8),
    ROUND(CAST(SAFE_DIVIDE(own_cart_add_count, total_cart_add_count) AS NUMERIC), 8)
  ) AS NUMERIC) AS asin_cart_add_share,
  CAST(ROUND(asin_median_cart_add_price_amount, 2) AS NUMERIC) AS asin_median_cart_add_price_amount,
  asin_median_cart_add_price_currency_code,
  total_purchase_count,
  total_purchase_rate,
  CAST(ROUND(total_median_purchase_price_amount, 2) AS NUMERIC) AS total_median_purchase_price_amount,
  total_median_purchase_price_currency_code,
  total_same_day_shipping_purchase_count,
  total_one_day_shipping_purchase_count,
  total_two_day_shipping_purchase_count,
  own_purchase_count AS asin_purchase_count,
  CAST(IF(
    spelling_count = 1,
    ROUND(asin_purchase_share * share_scale, 8),
    ROUND(CAST(SAFE_DIVIDE(own_purchase_count, total_purchase_count) AS NUMERIC), 8)
  ) AS NUMERIC) AS asin_purchase_share,
  CAST(ROUND(asin_median_purchase_price_amount, 2) AS NUMERIC) AS asin_median_purchase_price_amount,
  asin_median_purchase_price_currency_code,
  superseded AS refresh_superseded,
  spelling_count - 1 AS refresh_merged,
  IF(
    ROW_NUMBER() OVER (
      PARTITION BY client_id, marketplace_id, report_period, start_date ORDER BY asin, search_query_key
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
      duplicate_keys AS duplicate_keys
    )),
    NULL
  ) AS refresh_report
FROM spellings
LEFT JOIN report USING (client_id, marketplace_id, report_period, start_date)
