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
  SELECT *
  FROM told_apart
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY client_id, marketplace_id, report_period, start_date, asin, search_query
    ORDER BY
      ingested_at DESC, batch_id DESC, asin_impression_count DESC, asin_click_count DESC, asin_cart_add_count DESC,
      asin_purchase_count DESC, rest_of_row
  ) = 1
)
