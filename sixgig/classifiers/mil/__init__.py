"""Attention over the images of a subject, learned with its class (attention-based multiple instance learning)."""
