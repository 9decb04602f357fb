-- Schemas that have the dashboards' views, written as they stand in SQL: what a reader may name, and how.
SELECT n.nspname AS name, quote_ident(n.nspname) AS quoted
FROM pg_namespace n
JOIN pg_class c ON c.relnamespace = n.oid
WHERE c.relname = 'brand_dashboard_kpis' AND has_schema_privilege(n.oid, 'USAGE')
ORDER BY 1
