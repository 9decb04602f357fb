-- How much of a table is published; scopes that have vanished do not count.
SELECT count(*) AS scopes, coalesce(sum(p.rows), 0) AS rows
FROM refresh.refresh_partition_state p
WHERE p.table_schema = :schema AND p.table_name = :name AND p.fingerprint IS NOT NULL
