-- Turkish texts: BigQuery folds İ to an i with a dot above, lower() to an i alone, and the query was not found by its key.
CREATE OR REPLACE FUNCTION sqp.query_key(search_query text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
SELECT btrim(regexp_replace(
    replace(replace(lower(replace(normalize(search_query, NFKC), 'İ', U&'i\0307')), 'ß', 'ss'), 'ς', 'σ'),
    '[\s\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g'))
$$;
