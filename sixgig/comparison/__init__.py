"""Two studies on the same cohorts and splits: what differs between them, in their files and in their results."""
