"""McNemar's exact test: do two methods get the same subjects right?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class McNemarTest:
    """Result of :func:`exact_mcnemar`: subjects by which of two methods gets them right.

    Attributes:
        both: Subjects that both get right.
        only_a: Subjects that only the first gets right.
        only_b: Subjects that only the second gets right.
        neither: Subjects that both get wrong.
        p_value: Two-sided exact p value; 1 when no subject tells the methods apart.
    """

    both: int
    only_a: int
    only_b: int
    neither: int
    p_value: float


def exact_mcnemar(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> McNemarTest:
    """Test whether two methods are right equally often on the same subjects.

    Of the subjects that only one of the two gets right, each method should have half: a binomial test (McNemar,
    Psychometrika 12, 1947). It is about accuracy, whatever the study's metric is, and about the predictions as they
    were made: other training subjects would have given others, and that variation is not in it (Dietterich, Neural
    Computation 10, 1998).

    Args:
        right_a: Whether the first method is right, one per subject, [n].
        right_b: The same of the second method, in the same order, [n].

    Raises:
        ValueError: The two do not have one value for each of the same subjects.
    """
    from scipy.stats import binomtest

    if right_a.shape != right_b.shape or right_a.ndim != 1:
        raise ValueError(f"McNemar's test pairs subjects, got shapes {right_a.shape} and {right_b.shape}")
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p_value = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return McNemarTest(int((right_a & right_b).sum()), only_a, only_b, int((~right_a & ~right_b).sum()), p_value)
