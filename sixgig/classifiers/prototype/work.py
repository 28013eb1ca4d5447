"""What nearest class means take, for forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Seconds on a core of the reference machine: of a fold whatever its size, and of a feature of a sample.
_FOLD, _FEATURE = 0.01, 5.0e-8
#: Loading scikit-learn.
_LOAD = 0.6


def seconds(options: Mapping[str, Any], samples: int, features: int, folds: int, inner: int, classes: int) -> float:
    """Return the time of all folds, in seconds of one core of the reference machine; there is no search.

    Args:
        options: The classifier's stanza.
        samples: Rows that are evaluated.
        features: Their length.
        folds: Outer folds, of all repeats.
        inner: Inner folds.
        classes: Classes.
    """
    return _LOAD + folds * (_FOLD + _FEATURE * samples * features)


def memory_mb(samples: int, features: int) -> float:
    """Return what a fold holds beside libraries, in MiB: features."""
    return 6.0 * samples * features * 8 / 2**20
