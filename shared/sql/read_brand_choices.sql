-- Whose dashboards there are, for whoever has asked for another one.
SELECT DISTINCT client_id, marketplace_id, report_period, brand
FROM {schema}.brand_period_summary
ORDER BY client_id, marketplace_id, report_period, brand
LIMIT :limit
