"""ViT + contrastive pretraining: vit_pure's ViT, trained further with domain-specific contrastive losses."""
