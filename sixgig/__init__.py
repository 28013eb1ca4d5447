"""sixgig: compare five ways of turning medical images into features, on one 6 GB GPU."""

__version__ = "0.1.0"
