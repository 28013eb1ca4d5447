"""PyTorch backend: the same method where TensorFlow 1 cannot use the card."""
