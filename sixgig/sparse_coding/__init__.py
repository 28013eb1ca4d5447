"""Sparse codes over a dictionary: matching pursuit, lasso, collaborative representation."""
