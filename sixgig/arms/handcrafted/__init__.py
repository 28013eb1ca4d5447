"""Hand-made features: intensity histogram, oriented gradients, local binary patterns, first-order statistics."""
