"""The version of sixgig, in one place."""

__version__ = "0.1.0"
