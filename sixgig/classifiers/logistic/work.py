"""What the search of logistic regression takes, for forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Seconds on a core of the reference machine: of a fit whatever its size, of a logit in all its steps, and of a product
#: of two features.
_FIT, _LOGIT, _PRODUCT = 4.0e-3, 1.5e-8, 1.0e-10
#: Loading scikit-learn's linear models.
_LOAD = 0.8


def seconds(options: Mapping[str, Any], samples: int, features: int, folds: int, inner: int, classes: int) -> float:
    """Return the time of a nested search, in seconds of one core of the reference machine.

    Args:
        options: The classifier's stanza.
        samples: Rows that are evaluated.
        features: Their length.
        folds: Outer folds, of all repeats.
        inner: Inner folds.
        classes: Classes.
    """
    inside = samples * (1 - 1 / max(folds, 2)) * (1 - 1 / inner)
    fits = inner * len(options["C"]) + 4
    components = min(inside, features)
    small, large = sorted((inside, float(features)))
    return _LOAD + folds * (
        fits * (_FIT + _LOGIT * inside * components * classes) + (inner + 1) * _PRODUCT * small**2 * large
    )


def memory_mb(samples: int, features: int) -> float:
    """Return what a search holds beside libraries, in MiB: features, and the smaller side of their products."""
    return (5.0 * samples * features + 3.0 * min(samples, features) ** 2) * 8 / 2**20
