-- What a view is computed from, with the version of what it holds: the registered tables that it depends on, and the tables
-- kept by hand that its definition reads, be it through other views or functions.
WITH RECURSIVE read (class, object) AS (
    SELECT CAST('pg_class' AS regclass)::oid, to_regclass(format('%I.%I', CAST(:schema AS text), CAST(:name AS text)))::oid
    UNION
    SELECT d.refclassid, d.refobjid
    FROM read r
    LEFT JOIN pg_rewrite w ON r.class = CAST('pg_class' AS regclass) AND w.ev_class = r.object
    JOIN pg_depend d ON (d.classid, d.objid) IN (
        (CAST('pg_rewrite' AS regclass)::oid, w.oid), (CAST('pg_proc' AS regclass)::oid,
            CASE WHEN r.class = CAST('pg_proc' AS regclass) THEN r.object END))
    WHERE d.refclassid IN (CAST('pg_class' AS regclass), CAST('pg_proc' AS regclass))
)
SELECT r.table_schema || '.' || r.table_name AS input, r.data_version
FROM refresh.refresh_dependency d
JOIN refresh.refresh_table_registry r ON (r.table_schema, r.table_name) = (d.depends_on_schema, d.depends_on_name)
WHERE d.table_schema = :schema AND d.table_name = :name
UNION ALL
SELECT v.table_schema || '.' || v.table_name, v.version
FROM refresh.refresh_input_version v
JOIN read ON read.class = CAST('pg_class' AS regclass) AND read.object = to_regclass(format('%I.%I', v.table_schema, v.table_name))
