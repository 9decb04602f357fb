-- What the view was last refreshed from; an unknown view has seen nothing.
SELECT coalesce(s.input_versions, '{}') AS input_versions, clock_timestamp() AS started
FROM (VALUES (1)) AS one
LEFT JOIN refresh.materialized_view_refresh_status s ON s.table_schema = :schema AND s.table_name = :name
