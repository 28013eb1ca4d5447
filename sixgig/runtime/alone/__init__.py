"""A folder for the PYTHONPATH of another environment: it gives that environment this package and nothing else."""
