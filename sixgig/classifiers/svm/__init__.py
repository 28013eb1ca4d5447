"""Support vector machine."""
