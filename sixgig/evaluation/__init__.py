"""Splits, leakage, cross-validation, metrics and their intervals."""
