-- Whether the table has no rows, by its size alone: whoever asks need not be allowed to read it. One whose rows were all
-- deleted counts as empty when vacuum has been there.
SELECT coalesce(pg_relation_size(to_regclass(format('%I.%I', CAST(:schema AS text), CAST(:name AS text)))), 0) = 0 AS is_empty
