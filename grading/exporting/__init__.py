"""What people, checks and judges said, as files for others: one verdict a line, or one grader a column."""
