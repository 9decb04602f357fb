-- Checks of deliveries: what the registry may say of them, and what reminds of data that do not come.

CREATE FUNCTION refresh.check_quality_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule record;
BEGIN
    FOR rule IN SELECT key, value FROM jsonb_each(NEW.checks) LOOP
        IF jsonb_typeof(rule.value) = 'object' THEN
            IF rule.value - ARRAY['max', 'outcome'] <> '{}' OR rule.value = '{}'
                OR coalesce(jsonb_typeof(rule.value -> 'max') <> 'number', false)
                OR coalesce((rule.value ->> 'max')::numeric NOT BETWEEN 0 AND 1, false)
                OR coalesce(rule.value ->> 'outcome' NOT IN ('warn', 'hold', 'off'), false) THEN
                PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                    'Write a check as {"max": most rows allowed, as a fraction from 0 to 1, "outcome": "warn", "hold" or "off"}.');
            END IF;
        ELSIF rule.key IN ('expected_days', 'stale_days') THEN
            IF jsonb_typeof(rule.value) <> 'number' OR rule.value::numeric NOT BETWEEN 0 AND 100000 OR rule.value::numeric % 1 <> 0 THEN
                PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                    format('Set %s to a number of days, 0 or more.', rule.key));
            END IF;
        ELSIF rule.key NOT IN ('table_min_ratio', 'scope_min_ratio', 'scope_history') THEN
            PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                'Numbers are table_min_ratio, scope_min_ratio, scope_history, expected_days and stale_days; '
                'any other check is an object with "max" and "outcome".');
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
CREATE TRIGGER check_quality_rules BEFORE INSERT OR UPDATE OF checks ON refresh.refresh_table_registry
FOR EACH ROW WHEN (jsonb_typeof(NEW.checks) = 'object') EXECUTE FUNCTION refresh.check_quality_rules();
COMMENT ON COLUMN refresh.refresh_table_registry.checks IS
    'Thresholds of the gates: table_min_ratio, scope_min_ratio, scope_history; the data''s own checks by name, {"max": fraction of rows, "outcome": "warn", "hold" or "off"}; expected_days and stale_days after a period''s end.';

CREATE FUNCTION refresh.owe_stale_events(as_of timestamptz DEFAULT now()) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    warehouse text;
    n bigint;
    owed bigint := 0;
BEGIN
    FOR warehouse IN
        SELECT table_schema FROM refresh.refresh_table_registry
        WHERE handler = 'search_queries' AND table_name = 'search_query_performance' AND mode = 'live'
            AND to_regprocedure(format('%I.owe_stale_events(timestamptz)', table_schema)) IS NOT NULL
        ORDER BY table_schema
    LOOP
        EXECUTE format('SELECT %I.owe_stale_events($1)', warehouse) INTO n USING as_of;
        owed := owed + n;
    END LOOP;
    RETURN owed;
END $$;
COMMENT ON FUNCTION refresh.owe_stale_events IS
    'Owes the data.stale events of every registered warehouse; called by the sweep. Returns how many.';
