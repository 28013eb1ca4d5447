"""The worked example of Demsar, Journal of Machine Learning Research 7 (2006), table 6."""

import numpy as np

#: Ranks of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 data sets.
RANKS = np.array(
    [
        [4, 3, 2, 1], [1, 2, 3, 4], [4, 1, 2, 3], [4, 1, 3, 2], [4, 2, 3, 1], [1, 2.5, 4, 2.5], [3, 2, 4, 1],
        [2.5, 2.5, 4, 1], [4, 3, 2, 1], [2.5, 2.5, 2.5, 2.5], [4, 2.5, 1, 2.5], [3, 2, 4, 1], [4, 1, 2, 3],
        [3, 1, 4, 2],
    ]
)  # fmt: skip
#: Scores with these ranks, higher is better.
SCORES = 1 - RANKS / 10
AVERAGE_RANKS = RANKS.mean(axis=0)
