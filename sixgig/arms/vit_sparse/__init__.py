"""ViT + sparse coding: sparse codes of vit_pure's features over a dictionary learned on pretraining subjects."""
