"""The GPU budget: which device is used, how much of it, by whom, and what happens when it is full."""
