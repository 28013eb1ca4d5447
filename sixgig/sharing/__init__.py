"""A study as one archive, to share or to keep: without images, and without names when that is asked."""
