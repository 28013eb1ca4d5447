"""What the search of sparse representation classification takes, for forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Seconds on a core of the reference machine: of a fold whatever its size, of coding a vector, of an atom's part in
#: it, and of a product of two features.
_FOLD, _VECTOR, _ATOM, _PRODUCT = 1e-3, 5e-6, 2.0e-9, 1.0e-10
#: Making machine code of the loops, when none is kept, in seconds.
COMPILE_SECONDS = 16.0
#: Loading it.
_LOAD = 0.9


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
    capped = (options["atoms_per_class"] or samples) * classes
    atoms = min(train * (1 - 1 / inner), capped)
    sizes = [max(options[key]) if key == "n_nonzero" else 2.0 * len(options[key]) * 20 for key in _searched(options)]
    coded = train + 2 * train + samples / max(folds, 1)  # inner tests; scores; the outer test
    own = sum(size * atoms * _ATOM for size in sizes) + _VECTOR
    products = coded * atoms * features + (inner + 4) * atoms**2 * features
    return _LOAD + folds * (_FOLD + coded * own + _PRODUCT * products)


def memory_mb(samples: int, features: int) -> float:
    """Return what a search holds beside libraries, in MiB: Gram matrices and features."""
    return 95.0 + (3.0 * samples**2 * 8 + 4.0 * samples * features * 8) / 2**20


def _searched(options: Mapping[str, Any]) -> list[str]:
    names = {"omp": "n_nonzero", "lasso": "alpha", "crc": "ridge"}
    return [names[coding] for coding in options["coding"]]
