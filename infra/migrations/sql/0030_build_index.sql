-- A target's index wants its owner. Who configures tables has no right to change them, and gets this one through the owner.
-- Readers go on meanwhile; publishes of the table wait, and it waits for them no longer than a publish waits for a lock.

CREATE FUNCTION refresh.build_index(
    table_schema text, table_name text, columns text[], is_unique boolean DEFAULT false, requested_by text DEFAULT session_user
) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' AS $$
DECLARE
    relation regclass := to_regclass(format('%I.%I', $1, $2));
    unknown text;
    wanted smallint[];
    index_name text;
    ddl text;
BEGIN
    IF relation IS NULL OR NOT EXISTS (
        SELECT FROM refresh.refresh_table_registry AS r WHERE (r.table_schema, r.table_name) = ($1, $2)
    ) THEN
        RAISE EXCEPTION '%.% is not registered', $1, $2 USING ERRCODE = 'insufficient_privilege',
            HINT = 'Register the table first, by refresh.register_table.';
    ELSIF coalesce(cardinality($3), 0) = 0 OR array_position($3, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'columns is %', coalesce($3::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Name the columns of the index, the most selective first.';
    END IF;
    SELECT string_agg(name, ', ' ORDER BY place) FILTER (WHERE a.attnum IS NULL), array_agg(a.attnum ORDER BY place)
    INTO unknown, wanted
    FROM unnest($3) WITH ORDINALITY AS given (name, place)
    LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = given.name AND a.attnum > 0 AND NOT a.attisdropped;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION '%.% has no column %', $1, $2, unknown USING ERRCODE = 'undefined_column',
            HINT = 'Name columns of the target as they stand in Postgres.';
    END IF;
    SELECT i.indexrelid::regclass::text INTO index_name
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS m ON m.oid = c.relam
    WHERE i.indrelid = relation AND i.indisvalid AND m.amname = 'btree' AND i.indpred IS NULL AND i.indexprs IS NULL
        AND (i.indkey::smallint[])[0:i.indnkeyatts - 1] = wanted AND (i.indisunique AND i.indimmediate OR NOT $4)
    ORDER BY i.indexrelid LIMIT 1;
    IF index_name IS NOT NULL THEN
        RETURN index_name;
    END IF;
    ddl := format('CREATE %sINDEX ON %s (%s)', CASE WHEN $4 THEN 'UNIQUE ' ELSE '' END, relation,
        (SELECT string_agg(quote_ident(name), ', ' ORDER BY place) FROM unnest($3) WITH ORDINALITY AS given (name, place)));
    BEGIN
        EXECUTE ddl;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE EXCEPTION '%.%: %', $1, $2, SQLERRM USING ERRCODE = 'insufficient_privilege',
            HINT = format('ALTER TABLE %s OWNER TO %I;', relation, current_user);
    END;
    SELECT max(i.indexrelid)::regclass::text INTO index_name FROM pg_index AS i WHERE i.indrelid = relation;
    INSERT INTO refresh.refresh_audit_log (table_schema, table_name, event, details)
    VALUES ($1, $2, 'index_built', jsonb_build_object('by', $5, 'index', index_name, 'ddl', ddl));
    RETURN index_name;
END $$;
COMMENT ON FUNCTION refresh.build_index IS
    'Builds an index on columns of a registered table, with the rights of its owner, unless there is one; returns its name. Tables can be read meanwhile, and are not published.';
REVOKE EXECUTE ON FUNCTION refresh.build_index FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh.build_index TO refresh_api;
