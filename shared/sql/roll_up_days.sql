-- The span of days whose figures can be had as a whole. Its ends are bound in the statements that use it, so that they are
-- planned for them.
SELECT covered_from, covered_until FROM refresh.roll_up_days(:since)
