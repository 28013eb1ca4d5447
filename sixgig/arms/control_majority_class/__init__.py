"""Control: the name under which tables list the classifier that always predicts the most frequent class."""
