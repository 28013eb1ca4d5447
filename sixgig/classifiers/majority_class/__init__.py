"""The control that looks at no feature: it always predicts the most frequent class of the training fold."""
