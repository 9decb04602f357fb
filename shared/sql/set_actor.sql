-- For whom this transaction acts; its triggers write it into the audit.
SELECT set_config('refresh.actor', :actor, true)
