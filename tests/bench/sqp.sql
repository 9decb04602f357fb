-- One client's year: 52 weeks of :asins ASINs with 100 queries each, of which 20 are among 400 that everybody is on.
INSERT INTO sqp.search_query_market (client_id, marketplace_id, report_period, period_start, period_end, search_query_key,
    search_query, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count,
    total_purchase_count, n_own_asins, totals_disagree)
SELECT 'c1', 'ATVPDKIKX0DER', 'WEEK', day, day + 6, 'search query no ' || q, 'search query no ' || q,
    100000 / (q + 5) + 50, 1500000 / (q + 5) + 900, 40000 / (q + 5) + 30, 8000 / (q + 5) + 8, 3000 / (q + 5) + 3, 4, false
FROM generate_series(0, 51) AS w
CROSS JOIN LATERAL (SELECT date '2025-01-05' + w * 7 AS day) AS week
CROSS JOIN generate_series(0, 19599) AS q;

INSERT INTO sqp.search_query_performance (client_id, marketplace_id, report_period, period_start, period_end, asin,
    search_query_key, search_query, search_query_score, search_query_volume, total_query_impression_count,
    total_click_count, total_cart_add_count, total_purchase_count, asin_impression_count, asin_click_count,
    asin_cart_add_count, asin_purchase_count, asin_impression_share, asin_median_purchase_price_amount,
    total_median_purchase_price_amount)
SELECT 'c1', 'ATVPDKIKX0DER', 'WEEK', day, day + 6, 'B' || lpad(a::text, 9, '0'),
    'search query no ' || q, 'search query no ' || q, j, 100000 / (q + 5) + 50, 1500000 / (q + 5) + 900,
    40000 / (q + 5) + 30, 8000 / (q + 5) + 8, 3000 / (q + 5) + 3, i, i / 20, i / 100, i / 200, 0.01, 20, 22
FROM generate_series(0, 51) AS w
CROSS JOIN LATERAL (SELECT date '2025-01-05' + w * 7 AS day) AS week
CROSS JOIN generate_series(0, :asins - 1) AS a
CROSS JOIN generate_series(1, 100) AS j
CROSS JOIN LATERAL (
    SELECT CASE WHEN j <= 20 THEN (a * 20 + j) % 400 ELSE 400 + ((a / 4) * 80 + j) % 19200 END AS q
) AS query
CROSS JOIN LATERAL (
    SELECT (hashint4(a * 7919 + q * 31 + w * 17) & 1023) * 20000 / (q + 50) / 10 + 3 AS i
) AS impressions
