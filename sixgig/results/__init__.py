"""Reads what a study wrote."""
