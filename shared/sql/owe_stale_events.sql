-- Tells of reports that should have come long ago, once each.
SELECT refresh.owe_stale_events() AS owed
