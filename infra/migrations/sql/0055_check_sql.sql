-- A table's own check is one query, however it is written, and keeps no lock: those of a session outlast its transaction.
CREATE OR REPLACE FUNCTION refresh.failing_rows(check_sql text) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    failing refcursor;
    rows bigint;
BEGIN
    -- A cursor takes a single query, so nobody closes the parenthesis and goes on with another.
    OPEN failing FOR EXECUTE format(E'SELECT count(*) FROM (%s\n) AS failing', check_sql);
    FETCH failing INTO rows;
    CLOSE failing;
    PERFORM pg_advisory_unlock_all();
    RETURN rows;
EXCEPTION WHEN query_canceled OR assert_failure OR others THEN
    PERFORM pg_advisory_unlock_all();
    RAISE;
END $$;
