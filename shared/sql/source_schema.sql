-- A source's columns as of the last publish of its table. Of another source they say nothing.
SELECT columns FROM refresh.refresh_source_schema
WHERE table_schema = :schema AND table_name = :name AND source = :source
