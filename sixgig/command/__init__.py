"""The command `sixgig`: write a study file, run it, and say where the workflow lies."""
