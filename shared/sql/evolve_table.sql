-- The safe changes of a target, by the function that may make them.
SELECT refresh.evolve_table(:schema, :name, CAST(:changes AS jsonb), CAST(:run_id AS uuid)) AS done
