"""What one cohort shows: a decision and its words, from tables alone."""
