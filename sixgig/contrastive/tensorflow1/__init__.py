"""TensorFlow 1.15 backend: the graph of the ViT, the losses, the training step. Runs under Python 3.7."""
