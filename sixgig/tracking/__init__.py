"""MLflow's store, and a training that is followed in it."""
