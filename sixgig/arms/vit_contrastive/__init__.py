"""ViT + contrastive pretraining: a pretrained ViT, trained further with domain-specific contrastive losses."""
