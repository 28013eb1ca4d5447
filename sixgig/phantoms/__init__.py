"""Simulated cohorts in the layouts of real ones."""
