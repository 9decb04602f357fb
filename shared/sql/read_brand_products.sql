-- Products of a brand, most purchases first.
SELECT *
FROM {schema}.brand_dashboard_products
WHERE client_id = :client AND marketplace_id = :marketplace AND report_period = :report_period AND brand = :brand
    AND period_start = :period_start
ORDER BY asin_purchase_count DESC NULLS LAST, asin
LIMIT :limit
