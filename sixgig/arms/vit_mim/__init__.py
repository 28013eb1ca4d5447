"""ViT + masked image modelling: a ViT trained to fill in masked patches of volumes or slices (Chen et al. 2023)."""
