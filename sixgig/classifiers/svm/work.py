"""What the search of the support vector machine takes, for forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Seconds on a core of the reference machine: of a fit whatever its size, of a sample and of a kernel's entry in it,
#: and of a product of two features.
_FIT, _SAMPLE, _ENTRY, _PRODUCT = 0.8e-3, 6.0e-6, 1.0e-8, 1.0e-10
#: Loading scikit-learn's machines.
_LOAD = 0.8


def seconds(options: Mapping[str, Any], samples: int, features: int, folds: int, inner: int, classes: int) -> float:
    """Return the time of a nested search, in seconds of one core of the reference machine.

    Args:
        options: The classifier's stanza.
        samples: Rows that are evaluated.
        features: Their length.
        folds: Outer folds, of all repeats.
        inner: Inner folds.
        classes: Classes: pairs of them have a machine each, which share the samples.
    """
    kernels = len(options["kernels"])
    widths = ("linear" in options["kernels"]) + ("rbf" in options["kernels"]) * len(options["gamma"])
    candidates = len(options["C"]) * widths
    train = samples * (1 - 1 / max(folds, 2))
    inside = train * (1 - 1 / inner)
    fits = inner * candidates + 4
    return _LOAD + folds * (
        fits * (_FIT + _SAMPLE * inside + _ENTRY * inside**2) + kernels * inner * _PRODUCT * inside**2 * features
    )


def memory_mb(samples: int, features: int) -> float:
    """Return what a search holds beside libraries, in MiB: kernels and features."""
    return (1.3 * samples**2 * 8 + 5.0 * samples * features * 8) / 2**20
