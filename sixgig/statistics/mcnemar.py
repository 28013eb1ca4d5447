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
    if right_a.shape != right_b.shape or right_a.ndim != 1:
        raise ValueError(f"McNemar's test pairs subjects, got shapes {right_a.shape} and {right_b.shape}")
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p_value = _p_value(only_a, only_b)
    return McNemarTest(int((right_a & right_b).sum()), only_a, only_b, int((~right_a & ~right_b).sum()), p_value)


def clustered_mcnemar(
    right_a: NDArray[np.bool_], right_b: NDArray[np.bool_], subjects: NDArray[np.str_]
) -> McNemarTest:
    """Test whether two methods are right equally often on the same images, of which a subject may have several.

    A subject's images are alike, so they are not independent trials. What is compared is, for every subject, the number
    of its images that only the first method gets right minus the number that only the second does. Were the methods
    exchangeable, each of these differences would be as likely with the opposite sign, whatever the images of a subject
    have to do with each other. The p value is the share of all 2^n choices of signs whose sum is at least as far from
    zero as the sum that was found; it is exact. Obuchowski's test of clustered pairs (Statistics in Medicine 17, 1998)
    and Durkalski's (Statistics in Medicine 22, 2003) are the approximation of such a distribution by a normal one. With
    one image a subject it is McNemar's exact test.

    Args:
        right_a: Whether the first method is right, one per image, [n].
        right_b: The same of the second method, [n].
        subjects: Subject of every image, [n].

    Raises:
        ValueError: The three do not have one value for each of the same images.
    """
    if not right_a.shape == right_b.shape == subjects.shape or right_a.ndim != 1:
        raise ValueError(f"McNemar's test pairs images, got shapes {right_a.shape}, {right_b.shape}, {subjects.shape}")
    _, members = np.unique(subjects, return_inverse=True)
    differences = np.bincount(members, right_a.astype(int) - right_b.astype(int)).astype(np.intp)
    both, only_a, only_b = right_a & right_b, right_a & ~right_b, right_b & ~right_a
    neither = ~(right_a | right_b)
    counts = [int(found.sum()) for found in (both, only_a, only_b, neither)]
    return McNemarTest(counts[0], counts[1], counts[2], counts[3], sign_flip_p_value(differences))


def sign_flip_p_value(differences: NDArray[np.intp]) -> float:
    """Return the exact two-sided p value of the sum of whole numbers whose signs are as likely as their opposites.

    Args:
        differences: One number per subject, [n].
    """
    sizes = np.abs(differences[differences != 0])
    if not len(sizes) or sizes.max() == 1:  # a binomial distribution
        return _p_value(int((differences > 0).sum()), int((differences < 0).sum()))
    # Probability of every sum, at index sum + reach: one size after the other, added or taken away.
    reach = int(sizes.sum())
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for size in sizes:
        chance = 0.5 * (np.roll(chance, size) + np.roll(chance, -size))  # what would wrap around is zero
    far = np.abs(np.arange(-reach, reach + 1)) >= abs(int(differences.sum()))
    return float(min(1.0, chance[far].sum()))


def _p_value(only_a: int, only_b: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
