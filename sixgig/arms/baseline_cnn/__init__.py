"""Baseline: a convolutional network pretrained on natural images, global average pooled."""
