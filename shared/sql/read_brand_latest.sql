-- The newest period of the brand that was asked for. What was left open is chosen: the brand with most purchases, of
-- those that a person has named before the one that stands for no name.
SELECT *
FROM {schema}.brand_dashboard_kpis
WHERE is_latest
    AND report_period = :report_period
    AND (CAST(:client AS text) IS NULL OR client_id = :client)
    AND (CAST(:marketplace AS text) IS NULL OR marketplace_id = :marketplace)
    AND (CAST(:brand AS text) IS NULL OR brand = :brand)
ORDER BY brand = 'unmapped', period_start DESC, asin_purchase_count DESC NULLS LAST, client_id, marketplace_id, brand
LIMIT 1
