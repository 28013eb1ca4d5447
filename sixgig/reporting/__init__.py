"""From tables and figures to the report, its exports and MLflow's record."""
