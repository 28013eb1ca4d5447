"""What the search of nearest neighbours takes, for forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Seconds on a core of the reference machine: of a fold whatever its size, of a similarity that is sorted, and of a
#: feature in it.
_FOLD, _ENTRY, _PRODUCT = 0.03, 1.0e-7, 2.5e-10
#: Loading scikit-learn.
_LOAD = 0.6
#: Rows whose similarities are held at a time.
_BATCH = 1024


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
    train = samples * (1 - 1 / max(folds, 2))
    # Every training row is compared with those outside its inner fold, again for the scores, and tested once.
    entries = train**2 * (1 - 1 / inner) + train**2 * 2 / 3 + train * (samples - train)
    return _LOAD + folds * (_FOLD + entries * (_ENTRY + _PRODUCT * features))


def memory_mb(samples: int, features: int) -> float:
    """Return what a search holds beside libraries, in MiB: features, and similarities with their order."""
    return (6.0 * samples * features + 4.0 * min(samples, _BATCH) * samples) * 8 / 2**20
