-- Rows that an append-only table leaves alone although the source says otherwise: changed ones and vanished ones.
SELECT
    (SELECT count(*) FROM {staging} s JOIN {target} t ON {key_match} WHERE ROW({live_row})::record *<> ROW({staged_row})::record)
    + (SELECT count(*) FROM {target} t
        WHERE {in_scopes} AND NOT EXISTS (SELECT FROM {staging} s WHERE {key_match})) AS refused
