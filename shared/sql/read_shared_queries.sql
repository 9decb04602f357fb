-- Queries on which own ASINs compete with each other, over all own ASINs.
SELECT *
FROM {schema}.cannibalisation(:client, :marketplace, :report_period, CAST(:period_start AS date), max_rows => :limit)
