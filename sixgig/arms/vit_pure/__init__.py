"""Pure ViT: a pretrained vision transformer as it is."""
