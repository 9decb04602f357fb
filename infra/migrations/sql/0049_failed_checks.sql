-- On a morning on which every table is held, what has failed is looked for once for each: in an index of a task's failures, not among all.
CREATE INDEX refresh_data_quality_failed_of ON refresh.refresh_data_quality (run_id, table_schema, table_name) WHERE NOT passed;
