"""The rows of the bench: one module per section, each with a TITLE and `rows(quick)`."""
