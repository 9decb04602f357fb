-- JSON that goes to clients as the database wrote it has its times as every other answer has them.
CREATE FUNCTION refresh.rfc3339(moment timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN replace(to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z');
COMMENT ON FUNCTION refresh.rfc3339 IS 'A time as answers of the API write it: in UTC, with microseconds where there are any.';
