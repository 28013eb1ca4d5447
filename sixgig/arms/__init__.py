"""The arms: ways of turning images into features. Every folder in here is one arm."""
