"""Nearest class mean of centred unit vectors."""
