-- After latest.sql: one row per own ASIN × query key × period.

-- Shares come as 0–100 or as 0–1, and only the data tells which. A share of 0 tells nothing.
, unit_evidence AS (
  SELECT
    client_id,
    marketplace_id,
    report_period,
    start_date,
    COUNTIF(
      asin_impression_share <> 0 OR asin_click_share <> 0 OR asin_cart_add_share <> 0 OR asin_purchase_share <> 0
    ) AS rows_with_share,
    APPROX_QUANTILES(
      COALESCE(
        SAFE_DIVIDE(
          CAST(NULLIF(asin_impression_share, 0) AS FLOAT64),
          SAFE_DIVIDE(asin_impression_count, total_query_impression_count)
        ),
        SAFE_DIVIDE(
          CAST(NULLIF(asin_click_share, 0) AS FLOAT64), SAFE_DIVIDE(asin_click_count, total_click_count)
        ),
        SAFE_DIVIDE(
          CAST(NULLIF(asin_cart_add_share, 0) AS FLOAT64), SAFE_DIVIDE(asin_cart_add_count, total_cart_add_count)
        ),
        SAFE_DIVIDE(
          CAST(NULLIF(asin_purchase_share, 0) AS FLOAT64), SAFE_DIVIDE(asin_purchase_count, total_purchase_count)
        )
      ),
      2
    )[SAFE_OFFSET(1)] AS median_ratio,
    SUM(total_query_impression_count) AS market_impressions,
    SUM(
      COALESCE(asin_impression_count, 0) + COALESCE(asin_click_count, 0) + COALESCE(asin_cart_add_count, 0)
      + COALESCE(asin_purchase_count, 0)
    ) AS own_events
  FROM latest
  GROUP BY client_id, marketplace_id, report_period, start_date
),

unit AS (
  SELECT
    client_id,
    marketplace_id,
    report_period,
    start_date,
    CASE
      WHEN market_impressions > 0 AND own_events = 0
        THEN CAST(ERROR(CONCAT(
          'own_counts_missing: every own count is 0 although the market has impressions; client ', client_id,
          ', marketplace ', marketplace_id, ', ', report_period, ' of ', CAST(start_date AS STRING)
        )) AS NUMERIC)
      WHEN rows_with_share = 0 OR median_ratio BETWEEN 0.5 AND 2 THEN NUMERIC '1'
      WHEN median_ratio BETWEEN 50 AND 200 THEN NUMERIC '0.01'
      ELSE CAST(ERROR(CONCAT(
        'share_unit_ambiguous: shares are ', COALESCE(CAST(median_ratio AS STRING), 'not comparable with'),
        ' times own count / total, neither about 1 nor about 100; client ', client_id, ', marketplace ',
        marketplace_id, ', ', report_period, ' of ', CAST(start_date AS STRING)
      )) AS NUMERIC)
    END AS share_scale
  FROM unit_evidence
),

-- Two spellings of one query share one row: own counts add up, all else comes from the latest of them.
spellings AS (
  SELECT
    *,
    SUM(asin_impression_count) OVER one_row AS own_impression_count,
    SUM(asin_click_count) OVER one_row AS own_click_count,
    SUM(asin_cart_add_count) OVER one_row AS own_cart_add_count,
    SUM(asin_purchase_count) OVER one_row AS own_purchase_count,
    SUM(deliveries - 1) OVER one_row AS superseded,
    COUNT(*) OVER one_row AS spelling_count
  FROM latest
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
  spelling_count - 1 AS refresh_merged
FROM spellings
LEFT JOIN unit USING (client_id, marketplace_id, report_period, start_date)
