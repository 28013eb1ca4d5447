"""MLflow's store, and how a training is followed in it."""
