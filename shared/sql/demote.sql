-- One transaction, with the rights of the owner, who alone may make tables.
SELECT refresh.demote(:target, :reason, :requested_by)::text AS document
