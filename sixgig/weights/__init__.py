"""Pretrained weights: fetched, verified and converted to timm's names."""
