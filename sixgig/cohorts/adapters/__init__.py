"""Adapters: each module reads the files of one kind of cohort."""
