"""DeLong's test as its paper writes it: every positive subject is compared with every negative one."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import norm


def p_value(scores_a: Any, scores_b: Any, positive: Any) -> float:
    """Return the two-sided p value of equal areas (DeLong, DeLong and Clarke-Pearson, 1988, section 2)."""
    areas, of_positives, of_negatives = [], [], []
    for scores in (scores_a, scores_b):
        above = scores[positive][:, None] - scores[~positive][None, :]
        wins = (above > 0) + 0.5 * (above == 0)
        areas.append(wins.mean())
        of_positives.append(wins.mean(axis=1))
        of_negatives.append(wins.mean(axis=0))
    covariance = np.cov(of_positives) / positive.sum() + np.cov(of_negatives) / (~positive).sum()
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return float(2 * norm.sf(abs(areas[0] - areas[1]) / np.sqrt(variance)))
