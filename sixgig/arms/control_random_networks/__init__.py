"""Controls: the networks of the study with random weights, one for every family of networks."""
