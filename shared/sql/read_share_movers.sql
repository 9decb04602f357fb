-- Queries whose purchase share moved most since the period before, over all own ASINs.
SELECT *
FROM {schema}.share_movers(:client, :marketplace, :report_period, CAST(:period_start AS date), max_rows => :limit)
