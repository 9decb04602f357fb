-- A new registration; triggers check it and write the audit.
SELECT (refresh.register_options(:schema, :name, CAST(:options AS jsonb))).config_version
