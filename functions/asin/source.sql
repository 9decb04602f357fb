-- One row per own ASIN × period: own counts summed over all of its queries.

WITH
counted AS (
  SELECT
    *,
    TRIM(REGEXP_REPLACE(NORMALIZE_AND_CASEFOLD(search_query, NFKC), r'[\s\v\x{85}\pZ]+', ' ')) AS search_query_key,
    COUNT(*) OVER (
      PARTITION BY client_id, marketplace_id, report_period, start_date, asin, search_query
    ) AS deliveries
  FROM source
),

-- The same order as in search_queries/latest.sql, so that both take the same row.
latest AS (
  SELECT
    *,
    -- Up to the first row and those that came with it.
    COUNT(*) OVER (
      PARTITION BY client_id, marketplace_id, report_period, start_date, asin, search_query
      ORDER BY ingested_at DESC, batch_id DESC
    ) AS same_delivery
  FROM counted
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY client_id, marketplace_id, report_period, start_date, asin, search_query
    ORDER BY
      ingested_at DESC, batch_id DESC, asin_impression_count DESC, asin_click_count DESC, asin_cart_add_count DESC,
      asin_purchase_count DESC, end_date, parent_asin, title
  ) = 1
),

-- As in search_queries/latest.sql: what is wrong with each report, in delivered rows.
report AS (
  SELECT
    client_id,
    marketplace_id,
    report_period,
    start_date,
    COUNT(*) AS delivered,
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
      asin_impression_count < 0 OR asin_click_count < 0 OR asin_cart_add_count < 0 OR asin_purchase_count < 0
    ) AS negative_count,
    SUM(same_delivery - 1) AS duplicate_keys
  FROM latest
  GROUP BY client_id, marketplace_id, report_period, start_date
),

-- Parent and title are missing on some rows: the latest that is known wins.
described AS (
  SELECT
    *,
    FIRST_VALUE(end_date IGNORE NULLS) OVER latest_first AS latest_end_date,
    FIRST_VALUE(parent_asin IGNORE NULLS) OVER latest_first AS latest_parent_asin,
    FIRST_VALUE(title IGNORE NULLS) OVER latest_first AS latest_title
  FROM latest
  WINDOW latest_first AS (
    PARTITION BY client_id, marketplace_id, report_period, start_date, asin
    ORDER BY ingested_at DESC, batch_id DESC, search_query
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
  )
),

summed AS (
  SELECT
    client_id,
    marketplace_id,
    report_period,
    start_date,
    asin,
    MAX(latest_end_date) AS end_date,
    MAX(latest_parent_asin) AS parent_asin,
    MAX(latest_title) AS title,
    COUNT(DISTINCT search_query_key) AS n_queries,
    SUM(asin_impression_count) AS asin_impression_count,
    SUM(asin_click_count) AS asin_click_count,
    SUM(asin_cart_add_count) AS asin_cart_add_count,
    SUM(asin_purchase_count) AS asin_purchase_count,
    SUM(deliveries - 1) AS refresh_superseded,
    COUNT(*) - 1 AS refresh_merged
  FROM described
  GROUP BY client_id, marketplace_id, report_period, start_date, asin
)

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
  title,
  n_queries,
  asin_impression_count,
  asin_click_count,
  asin_cart_add_count,
  asin_purchase_count,
  refresh_superseded,
  refresh_merged,
  IF(
    ROW_NUMBER() OVER (
      PARTITION BY client_id, marketplace_id, report_period, start_date ORDER BY asin
    ) = 1,
    TO_JSON_STRING(STRUCT(
      client_id AS client_id,
      marketplace_id AS marketplace_id,
      report_period AS report_period,
      COUNT(*) OVER (PARTITION BY client_id, marketplace_id, report_period, start_date) AS `rows`,
      delivered AS delivered,
      own_counts_missing AS own_counts_missing,
      period_not_whole AS period_not_whole,
      negative_count AS negative_count,
      duplicate_keys AS duplicate_keys
    )),
    NULL
  ) AS refresh_report
FROM summed
LEFT JOIN report USING (client_id, marketplace_id, report_period, start_date)
