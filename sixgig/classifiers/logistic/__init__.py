"""Multinomial logistic regression: the linear probe."""
