"""What the search of attention pooling takes, for forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Seconds on a core of the reference machine: of an epoch whatever its size, of a product in the attention's hidden
#: layer, forwards and backwards, and of a product of two features.
_EPOCH, _HIDDEN, _PRODUCT = 8.0e-4, 1.1e-10, 1.0e-10
#: Share of the most epochs that are trained, with the training after them on all subjects.
_TRAINED = 0.6
#: Share of the features that principal components keep, at 95% of the variance.
_KEPT = 0.35
#: Loading PyTorch and scikit-learn.
_LOAD = 3.0


def seconds(
    options: Mapping[str, Any],
    samples: int,
    features: int,
    folds: int,
    inner: int,
    classes: int,
    images: float = 16.0,
) -> float:
    """Return the time of a nested search, in seconds of one core of the reference machine.

    Args:
        options: The classifier's stanza.
        samples: Subjects that are evaluated.
        features: Length of an image's features.
        folds: Outer folds, of all repeats.
        inner: Inner folds.
        classes: Classes.
        images: Images of a subject.
    """
    inside = samples * images * (1 - 1 / max(folds, 2)) * (1 - 1 / inner)
    rates = len(options["learning_rate"]) * len(options["weight_decay"])
    hidden = sum(options["width"]) / len(options["width"]) * (2 if options["gated"] else 1)
    trainings = inner * rates * len(options["width"]) + 4
    epoch = _EPOCH + _HIDDEN * inside * _KEPT * features * hidden
    small, large = sorted((inside, float(features)))
    return _LOAD + folds * (
        trainings * _TRAINED * options["epochs"] * 1.75 * epoch + (inner + 1) * _PRODUCT * small**2 * (large + small)
    )


def memory_mb(samples: int, features: int, images: float = 16.0) -> float:
    """Return what a search holds beside libraries, in MiB: PyTorch, and features in double precision."""
    return 220.0 + samples * images * features * 8 * 3.5 / 2**20
