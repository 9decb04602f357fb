-- Has what the days of a month that are over have cost kept, for the statement that follows.
SELECT refresh.roll_up_costs(CAST(:month AS date))
