-- Equal keys have equal hashes: where no hash stands twice, no key does. Cheaper by far than grouping by the key itself.
SELECT EXISTS (
    SELECT FROM {staging} s
    GROUP BY hash_record_extended(ROW({staged_key}), 0)
    HAVING count(*) > 1
) AS suspected
