"""Sparse representation classification."""
