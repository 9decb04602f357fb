-- The checks of a table: what their JSON may be, and the rights that a table's own SQL has.

CREATE FUNCTION refresh.is_number(value jsonb, lowest numeric, highest numeric, whole boolean DEFAULT false) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN jsonb_typeof(value) = 'number'
    THEN value::numeric BETWEEN lowest AND highest AND (NOT whole OR value::numeric % 1 = 0) ELSE false END
$$;

-- An object with no other keys than these and `outcome`; a key that is not there fits.
CREATE FUNCTION refresh.is_rule(rule jsonb, keys text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN jsonb_typeof(rule) = 'object'
    THEN rule - keys - 'outcome' = '{}' AND coalesce(rule -> 'outcome' IN ('"warn"', '"hold"', '"off"'), true) ELSE false END
$$;

CREATE FUNCTION refresh.fits_check(kind text, rule jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE kind
    WHEN 'null_share' THEN refresh.is_rule(rule, '{max}') AND coalesce(refresh.is_number(rule -> 'max', 0, 1), false)
    WHEN 'range' THEN refresh.is_rule(rule, '{min,max}') AND rule ?| '{min,max}'
        AND coalesce(jsonb_typeof(rule -> 'min') IN ('number', 'string'), true)
        AND coalesce(jsonb_typeof(rule -> 'max') IN ('number', 'string'), true)
    WHEN 'allowed_values' THEN refresh.is_rule(rule, '{values}')
        AND coalesce(jsonb_typeof(rule -> 'values') = 'array' AND jsonb_array_length(rule -> 'values') BETWEEN 1 AND 1000
            AND NOT rule -> 'values' @? '$[*] ? (@.type() != "string" && @.type() != "number" && @.type() != "boolean")', false)
    WHEN 'row_count' THEN refresh.is_rule(rule, '{min_ratio,max_ratio,history}') AND rule ?| '{min_ratio,max_ratio}'
        AND coalesce(refresh.is_number(rule -> 'min_ratio', 0, 1), true)
        AND coalesce(refresh.is_number(rule -> 'max_ratio', 1, 1000000), true)
        AND coalesce(refresh.is_number(rule -> 'history', 1, 1000, true), true)
    WHEN 'custom_sql' THEN refresh.is_rule(rule, '{sql}')
        AND coalesce(jsonb_typeof(rule -> 'sql') = 'string' AND length(btrim(rule ->> 'sql')) BETWEEN 1 AND 10000, false)
    WHEN 'quarantine' THEN refresh.is_rule(rule, '{max_rows,max_share}') AND rule ?| '{max_rows,max_share}'
        AND coalesce(refresh.is_number(rule -> 'max_rows', 0, 9223372036854775807, true), true)
        AND coalesce(refresh.is_number(rule -> 'max_share', 0, 1), true)
    ELSE refresh.is_rule(rule, '{max}') AND rule <> '{}' AND coalesce(refresh.is_number(rule -> 'max', 0, 1), true)
END
$$;

CREATE FUNCTION refresh.form_of_check(kind text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE kind
    WHEN 'null_share' THEN 'Write "null_share": {"column": {"max": a share from 0 to 1, "outcome": "hold"}}.'
    WHEN 'range' THEN 'Write "range": {"column": {"min": the least, "max": the greatest, "outcome": "hold"}}, with one bound or both; days and times as text.'
    WHEN 'allowed_values' THEN 'Write "allowed_values": {"column": {"values": [up to 1000 texts, numbers, booleans], "outcome": "hold"}}.'
    WHEN 'row_count' THEN 'Write "row_count": {"min_ratio": from 0 to 1, "max_ratio": from 1, "history": 12, "outcome": "hold"}, with one ratio or both.'
    WHEN 'custom_sql' THEN 'Write "custom_sql": {"a name": {"sql": "SELECT … FROM staged WHERE …", "outcome": "hold"}}.'
    WHEN 'quarantine' THEN 'Write "quarantine": {"max_rows": a number, "max_share": from 0 to 1, "outcome": "hold"}, with one limit or both.'
    ELSE 'Write a check as {"max": most rows allowed, as a fraction from 0 to 1, "outcome": "warn", "hold" or "off"}.'
END
    || CASE WHEN kind IN ('null_share', 'range', 'allowed_values', 'row_count', 'custom_sql', 'quarantine')
        THEN ' The outcome is "hold" (where it is left out), "warn" or "off".' ELSE '' END
$$;

CREATE OR REPLACE FUNCTION refresh.check_quality_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule record;
    part record;
    by_name boolean;
BEGIN
    FOR rule IN SELECT key, value FROM jsonb_each(NEW.checks) LOOP
        by_name := rule.key IN ('null_share', 'range', 'allowed_values', 'custom_sql');
        IF rule.key IN ('table_min_ratio', 'scope_min_ratio', 'scope_history') THEN
            CONTINUE; -- refresh.check_values knows them
        ELSIF rule.key = 'max_deleted_share' THEN
            IF NOT refresh.is_number(rule.value, 0, 1) THEN
                PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                    'Set max_deleted_share to a fraction from 0 to 1.');
            END IF;
        ELSIF rule.key IN ('expected_days', 'stale_days') THEN
            IF NOT refresh.is_number(rule.value, 0, 100000, true) THEN
                PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                    format('Set %s to a number of days, 0 or more.', rule.key));
            END IF;
        ELSIF by_name AND jsonb_typeof(rule.value) = 'object' THEN
            FOR part IN SELECT key, value FROM jsonb_each(rule.value) LOOP
                IF NOT refresh.fits_check(rule.key, part.value) THEN
                    PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s of %s = %s', rule.key, part.key, part.value),
                        refresh.form_of_check(rule.key));
                ELSIF rule.key <> 'custom_sql' AND refresh.column_type(
                    to_regclass(format('%I.%I', NEW.table_schema, NEW.table_name)), part.key) IS NULL THEN
                    PERFORM refresh.refuse_registration(NEW, 'checks',
                        format('has %s of %s, which the table does not have', rule.key, part.key), 'Name one of its columns.');
                END IF;
            END LOOP;
        ELSIF rule.key IN ('row_count', 'quarantine', 'verify') OR by_name
            OR NEW.handler IN ('asin', 'search_queries') AND jsonb_typeof(rule.value) = 'object' THEN
            IF by_name OR NOT refresh.fits_check(rule.key, rule.value) THEN
                PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                    refresh.form_of_check(rule.key));
            END IF;
        ELSE
            PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                'Numbers are table_min_ratio, scope_min_ratio, scope_history, max_deleted_share, expected_days and stale_days; objects '
                'are null_share, range, allowed_values, row_count, custom_sql and quarantine, and, with handler asin or search_queries, '
                'the checks of these data with "max" and "outcome".');
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
COMMENT ON COLUMN refresh.refresh_table_registry.checks IS
    'What is checked before a publish: thresholds of the gates (table_min_ratio, max_deleted_share, scope_min_ratio, scope_history), null_share, range and allowed_values of columns, row_count, custom_sql, quarantine; the data''s own checks by name, {"max": fraction of rows, "outcome": "warn", "hold" or "off"}; expected_days and stale_days after a period''s end.';

-- A table's own SQL runs as a role that may read nothing but what it is shown, in a function out of which no role can be
-- taken on; the caller has made its transaction read-only. It is one query, for it stands in the place of a table.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'refresh_check') THEN
        BEGIN
            CREATE ROLE refresh_check NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- made by another database's migration at this moment
        END;
    END IF;
    IF NOT pg_catalog.pg_has_role(current_user, 'refresh_check', 'USAGE') THEN
        GRANT refresh_check TO CURRENT_USER;
    END IF;
END $$;

CREATE FUNCTION refresh.failing_rows(check_sql text) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rows bigint;
BEGIN
    EXECUTE format(E'SELECT count(*) FROM (%s\n) AS failing', check_sql) INTO rows;
    RETURN rows;
END $$;
COMMENT ON FUNCTION refresh.failing_rows IS
    'How many rows a query returns, with the rights of refresh_check: to read the temporary view "staged", and what that role was granted besides.';
GRANT USAGE, CREATE ON SCHEMA refresh TO refresh_check;
ALTER FUNCTION refresh.failing_rows OWNER TO refresh_check;
REVOKE ALL ON SCHEMA refresh FROM refresh_check;
REVOKE EXECUTE ON FUNCTION refresh.failing_rows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh.failing_rows TO refresh_loader;
