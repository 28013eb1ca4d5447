"""The GPU budget: which device, how much of it, who may use it, and what happens when it is full."""
