-- One transaction, with the rights of the owner: the API itself writes no data.
SELECT refresh.promote(:target, :force, :reason, :requested_by)::text AS document
