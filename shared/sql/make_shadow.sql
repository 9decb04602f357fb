-- The shadow is the owner's, who alone may make tables beside the data.
SELECT refresh.make_shadow(:schema, :name) AS shadow_name
