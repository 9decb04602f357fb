-- Tells of tables that have become stale, and of reports that should have come long ago, once each.
SELECT refresh.owe_stale_tables(:trigger_hours) + refresh.owe_stale_events() AS owed
