"""Masked image modelling of volumes and images with a ViT, for one small GPU (Chen et al. 2023, arXiv 2204.11716).

A network sees crops of volumes [n, channels, D, H, W] or whole images [n, channels, H, W]; the code here is the same
for both. The modules import torch, so import them only where a network is needed.
"""
