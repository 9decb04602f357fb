-- Refreshing needs the view's owner, whose rights this function has.
SELECT refresh.refresh_view(:schema, :name) AS rows
