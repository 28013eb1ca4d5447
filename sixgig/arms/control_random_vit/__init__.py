"""Control: the ViT of vit_pure with random weights. What it reaches owes nothing to pretraining."""
