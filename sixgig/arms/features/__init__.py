"""The user's own features: a table that another tool wrote, joined to the cohort by id."""
