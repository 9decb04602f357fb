-- Of each pair: what the merge would do with it, to which scope it belongs, and for an update in which columns it differs.
CREATE TEMPORARY TABLE refresh_differences ON COMMIT DROP AS
SELECT p.staged, p.live_table, p.live,
    CASE WHEN p.live IS NULL THEN 'inserted' WHEN p.staged IS NULL THEN 'deleted' ELSE 'updated' END AS kind,
    CASE WHEN p.staged IS NULL THEN {live_scope} ELSE {staged_scope} END AS scope,
    CASE WHEN p.staged IS NOT NULL AND p.live IS NOT NULL THEN {changed} END AS changed
FROM refresh_pairs p
LEFT JOIN {staging} s ON s.ctid = p.staged
LEFT JOIN {target} t ON t.tableoid = p.live_table AND t.ctid = p.live
