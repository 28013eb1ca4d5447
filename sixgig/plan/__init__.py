"""What a study file asks for: its schema, its checks, and the jobs that follow from it."""
