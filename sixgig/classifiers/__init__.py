"""The classifiers that a study can name, and the search for their hyper-parameters."""
