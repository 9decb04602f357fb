-- What a table shows now, by the definition that it was published with; sizes of the last refresh that moved rows.
SELECT count(*) AS scopes, coalesce(sum(p.rows), 0) AS rows,
    count(*) FILTER (WHERE p.definition_hash IS DISTINCT FROM CAST(:definition_hash AS text)) AS scopes_of_another_definition,
    coalesce(sum(p.rows) FILTER (WHERE p.definition_hash IS DISTINCT FROM CAST(:definition_hash AS text)), 0)
        AS rows_of_another_definition
FROM refresh.refresh_partition_state p
WHERE p.table_schema = :schema AND p.table_name = :name AND p.fingerprint IS NOT NULL
