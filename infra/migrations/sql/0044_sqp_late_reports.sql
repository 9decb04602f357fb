-- Reports whose absence was told and that have not come since, for the overview: only what was told is looked up, not all that is published.
CREATE FUNCTION sqp.late_reports()
RETURNS TABLE (client_id text, marketplace_id text, report_period text, period_start date, since timestamptz) LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
SELECT told.client_id, told.marketplace_id, told.report_period, told.period_start, told.alerted_at
FROM sqp.stale_alert AS told
WHERE NOT EXISTS (
    SELECT FROM sqp.search_query_market AS market
    WHERE (market.client_id, market.marketplace_id, market.report_period) = (told.client_id, told.marketplace_id, told.report_period)
        AND market.period_start >= told.period_start)
$$;
COMMENT ON FUNCTION sqp.late_reports IS
    'Reports that are missing past their alert, of a client, marketplace and report period that have none of a later period either.';
