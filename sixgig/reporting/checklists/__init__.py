"""Checklists of reporting guidelines, filled in where the study knows the answer."""
