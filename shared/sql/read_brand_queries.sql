-- Queries on which a brand loses most purchases; few clicks say nothing of a rate.
SELECT *
FROM {schema}.brand_dashboard_queries
WHERE client_id = :client AND marketplace_id = :marketplace AND report_period = :report_period AND brand = :brand
    AND period_start = :period_start AND asin_click_count >= :min_clicks
ORDER BY lost_purchases_gap DESC NULLS LAST, search_query_key
LIMIT :limit
