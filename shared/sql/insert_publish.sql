-- A publish that wrote rows. Where rollback is switched off for the table, it has expired from the start.
INSERT INTO refresh.refresh_publish (run_id, table_schema, table_name, was_empty, rows_inserted, rows_updated, rows_deleted,
    key_columns, undo_table, undo_bytes, last_refreshed_before, scanned_snapshot_before, expired_at)
SELECT :run_id, r.table_schema, r.table_name, :was_empty, :inserted, :updated, :deleted, :key_columns, :undo_table,
    coalesce(pg_total_relation_size(to_regclass('refresh_undo.' || quote_ident(:undo_table))), 0),
    r.last_refreshed_at, r.scanned_snapshot_at, CASE WHEN r.rollback_publishes = 0 THEN clock_timestamp() END
FROM refresh.refresh_table_registry r
WHERE r.table_schema = :schema AND r.table_name = :name
RETURNING publish_id, expired_at IS NULL AS kept
