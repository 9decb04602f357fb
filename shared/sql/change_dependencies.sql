-- Exactly these dependencies, and no others.
SELECT refresh.set_dependencies(:schema, :name, CAST(:depends_on AS jsonb))
