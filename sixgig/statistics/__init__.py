"""Which differences between methods are more than noise."""
