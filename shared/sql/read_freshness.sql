-- How fresh the data of every client, marketplace and kind of report are, and the job that brings them.
SELECT *
FROM {schema}.brand_dashboard_freshness
ORDER BY client_id, marketplace_id, report_period DESC
