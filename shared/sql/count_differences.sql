-- How many rows of each kind differ.
SELECT count(*) FILTER (WHERE kind = 'inserted') AS inserted, count(*) FILTER (WHERE kind = 'updated') AS updated,
    count(*) FILTER (WHERE kind = 'deleted') AS deleted
FROM refresh_differences
