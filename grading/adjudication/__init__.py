"""Where reviewers stand against each other, where a criterion is at fault, and how well reviewers judge."""
