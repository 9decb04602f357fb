-- The latest delivery of each source row, and its query key: what source.sql and market.sql both begin with.

WITH
-- Case, width and white space do not make another query.
keyed AS (
  SELECT
    *,
    TRIM(REGEXP_REPLACE(NORMALIZE_AND_CASEFOLD(search_query, NFKC), r'[\s\v\x{85}\pZ]+', ' ')) AS search_query_key,
    COUNT(*) OVER (
      PARTITION BY client_id, marketplace_id, report_period, start_date, asin, search_query
    ) AS deliveries
  FROM source
),

-- Rows that came at the same time in the same batch are told apart by all that they say, so that their order in the
-- table never matters. Own counts stand first, in asin/source.sql too, so that both take the same row.
told_apart AS (
  SELECT
    *,
    IF(
      deliveries = 1,
      '',
      TO_JSON_STRING(STRUCT(
        end_date, parent_asin, title, search_query_score, search_query_volume, total_query_impression_count,
        asin_impression_share, total_click_count, total_click_rate, asin_click_share,
        total_median_click_price_amount, total_median_click_price_currency_code, asin_median_click_price_amount,
        asin_median_click_price_currency_code, total_same_day_shipping_click_count,
        total_one_day_shipping_click_count, total_two_day_shipping_click_count, total_cart_add_count,
        total_cart_add_rate, asin_cart_add_share, total_median_cart_add_price_amount,
        total_median_cart_add_price_currency_code, asin_median_cart_add_price_amount,
        asin_median_cart_add_price_currency_code, total_same_day_shipping_cart_add_count,
        total_one_day_shipping_cart_add_count, total_two_day_shipping_cart_add_count, total_purchase_count,
        total_purchase_rate, asin_purchase_share, total_median_purchase_price_amount,
        total_median_purchase_price_currency_code, asin_median_purchase_price_amount,
        asin_median_purchase_price_currency_code, total_same_day_shipping_purchase_count,
        total_one_day_shipping_purchase_count, total_two_day_shipping_purchase_count
      ))
    ) AS rest_of_row
  FROM keyed
),

latest AS (
  SELECT
    *,
    -- Up to the first row and those that came with it.
    COUNT(*) OVER (
      PARTITION BY client_id, marketplace_id, report_period, start_date, asin, search_query
      ORDER BY ingested_at DESC, batch_id DESC
    ) AS same_delivery
  FROM told_apart
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY client_id, marketplace_id, report_period, start_date, asin, search_query
    ORDER BY
      ingested_at DESC, batch_id DESC, asin_impression_count DESC, asin_click_count DESC, asin_cart_add_count DESC,
      asin_purchase_count DESC, rest_of_row
  ) = 1
),

-- Shares come as 0–100 or as 0–1, and only the data tells which. A share of 0 tells nothing.
compared AS (
  SELECT
    *,
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
    ) AS share_ratio,
    IF(
      asin_impression_share <> 0 OR asin_click_share <> 0 OR asin_cart_add_share <> 0 OR asin_purchase_share <> 0, 1, 0
    ) AS has_share
  FROM latest
),

-- A report may hold what came in several deliveries, each with a unit of its own.
evidence AS (
  SELECT
    *,
    SUM(has_share) OVER delivery AS delivery_shares,
    PERCENTILE_CONT(share_ratio, 0.5) OVER (
      PARTITION BY client_id, marketplace_id, report_period, start_date, ingested_at, batch_id
    ) AS delivery_ratio,
    SUM(IF(share_ratio BETWEEN 0.5 AND 2, 1, 0)) OVER delivery AS delivery_fractions,
    SUM(IF(share_ratio BETWEEN 50 AND 200, 1, 0)) OVER delivery AS delivery_percents,
    PERCENTILE_CONT(share_ratio, 0.5) OVER (
      PARTITION BY client_id, marketplace_id, report_period, start_date
    ) AS report_ratio,
    SUM(IF(share_ratio BETWEEN 0.5 AND 2, 1, 0)) OVER report AS report_fractions,
    SUM(IF(share_ratio BETWEEN 50 AND 200, 1, 0)) OVER report AS report_percents
  FROM compared
  WINDOW
    delivery AS (PARTITION BY client_id, marketplace_id, report_period, start_date, ingested_at, batch_id),
    report AS (PARTITION BY client_id, marketplace_id, report_period, start_date)
),

-- A delivery decides by its median, unless more than a tenth says otherwise; where it is undecided and nothing in it
-- contradicts, the whole report does. NULL: neither.
scaled AS (
  SELECT
    *,
    CASE
      WHEN delivery_shares = 0 THEN NUMERIC '1'
      WHEN delivery_ratio BETWEEN 0.5 AND 2 AND delivery_percents * 10 <= delivery_fractions THEN NUMERIC '1'
      WHEN delivery_ratio BETWEEN 50 AND 200 AND delivery_fractions * 10 <= delivery_percents THEN NUMERIC '0.01'
      WHEN report_ratio BETWEEN 0.5 AND 2 AND report_percents * 10 <= report_fractions AND delivery_percents = 0
        THEN NUMERIC '1'
      WHEN report_ratio BETWEEN 50 AND 200 AND report_fractions * 10 <= report_percents AND delivery_fractions = 0
        THEN NUMERIC '0.01'
    END AS share_scale
  FROM evidence
),

-- What is wrong with each report, in delivered rows; the registry says how much of it warns or holds.
report AS (
  SELECT
    client_id,
    marketplace_id,
    report_period,
    start_date,
    COUNT(*) AS delivered,
    COUNTIF(
      asin_impression_count > total_query_impression_count
      OR asin_click_count > total_click_count
      OR asin_cart_add_count > total_cart_add_count
      OR asin_purchase_count > total_purchase_count
    ) AS own_exceeds_total,
    COUNTIF(
      ABS(
        asin_impression_share * share_scale - SAFE_DIVIDE(asin_impression_count, total_query_impression_count)
      ) > 0.0002
      OR ABS(asin_click_share * share_scale - SAFE_DIVIDE(asin_click_count, total_click_count)) > 0.0002
      OR ABS(asin_cart_add_share * share_scale - SAFE_DIVIDE(asin_cart_add_count, total_cart_add_count)) > 0.0002
      OR ABS(asin_purchase_share * share_scale - SAFE_DIVIDE(asin_purchase_count, total_purchase_count)) > 0.0002
    ) AS share_differs,
    COUNTIF(share_scale IS NULL) AS share_unit_ambiguous,
    IF(
      SUM(total_query_impression_count) > 0 AND SUM(
        COALESCE(asin_impression_count, 0) + COALESCE(asin_click_count, 0) + COALESCE(asin_cart_add_count, 0)
        + COALESCE(asin_purchase_count, 0)
      ) = 0,
      COUNT(*),
      0
    ) AS own_counts_missing,
    COUNTIF(NOT (
      CASE report_period
        WHEN 'WEEK' THEN start_date = DATE_TRUNC(start_date, WEEK(SUNDAY))
          AND COALESCE(end_date, DATE_ADD(start_date, INTERVAL 6 DAY)) = DATE_ADD(start_date, INTERVAL 6 DAY)
        WHEN 'MONTH' THEN start_date = DATE_TRUNC(start_date, MONTH)
          AND COALESCE(end_date, LAST_DAY(start_date, MONTH)) = LAST_DAY(start_date, MONTH)
        WHEN 'QUARTER' THEN start_date = DATE_TRUNC(start_date, QUARTER)
          AND COALESCE(end_date, LAST_DAY(start_date, QUARTER)) = LAST_DAY(start_date, QUARTER)
        ELSE FALSE
      END
    )) AS period_not_whole,
    COUNTIF(
      search_query_volume < 0 OR asin_impression_count < 0 OR asin_click_count < 0 OR asin_cart_add_count < 0
      OR asin_purchase_count < 0 OR total_query_impression_count < 0 OR total_click_count < 0
      OR total_cart_add_count < 0 OR total_purchase_count < 0
    ) AS negative_count,
    SUM(same_delivery - 1) AS duplicate_keys
  FROM scaled
  GROUP BY client_id, marketplace_id, report_period, start_date
)
