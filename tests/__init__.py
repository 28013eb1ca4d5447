"""A package of its own, because libraries install test packages of the same name."""
