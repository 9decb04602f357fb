-- What stands against changing a target: who owns it, how large it is, what depends on which of its columns.
SELECT pg_has_role(f.proowner, c.relowner, 'USAGE') AS owned, pg_get_userbyid(c.relowner) AS owner,
    pg_get_userbyid(f.proowner) AS evolver,
    greatest(pg_total_relation_size(c.oid),
        (SELECT sum(pg_total_relation_size(p.relid)) FROM pg_partition_tree(c.oid) p)) AS bytes,
    ARRAY(
        SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = c.oid AND i.indisprimary) AS primary_key,
    (SELECT coalesce(jsonb_object_agg(used.name, used.users), '{}') FROM (
        SELECT a.attname AS name, jsonb_agg(DISTINCT coalesce(w.ev_class::regclass::text,
            pg_describe_object(d.classid, d.objid, d.objsubid))) AS users
        FROM pg_depend d
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        LEFT JOIN pg_rewrite w ON d.classid = CAST('pg_rewrite' AS regclass) AND w.oid = d.objid
        LEFT JOIN pg_attrdef e ON d.classid = CAST('pg_attrdef' AS regclass) AND e.oid = d.objid
        LEFT JOIN pg_constraint k ON d.classid = CAST('pg_constraint' AS regclass) AND k.oid = d.objid
        WHERE d.refclassid = CAST('pg_class' AS regclass) AND d.refobjid = c.oid AND d.refobjsubid > 0
            AND (w.oid IS NOT NULL OR e.adnum <> d.refobjsubid OR k.contype = 'f'
                OR d.classid IN (CAST('pg_trigger' AS regclass), CAST('pg_policy' AS regclass), CAST('pg_proc' AS regclass)))
        GROUP BY a.attname
    ) used) AS users
FROM pg_class c
CROSS JOIN pg_proc f
WHERE c.oid = to_regclass(format('%I.%I', CAST(:schema AS text), CAST(:name AS text)))
    AND f.oid = to_regproc('refresh.evolve_table')
