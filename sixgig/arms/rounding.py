"""What a shorter computation type changes in features, measured on a study's own images before it is used on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sixgig.errors import ArmError
from sixgig.gpu.processor import bfloat16_units

#: Largest difference of features from float32's, relative to those. Networks that work are off by 0.3 to 1.5%.
LIMIT = 0.03
#: How many are encoded twice, spread evenly over the cohort: images take milliseconds, volumes seconds.
SAMPLES = {"images": 32, "volumes": 2}


class InMemory:
    """Features that are not kept on disk; see :class:`sixgig.arms.encoding.PartialFeatures`."""

    def __init__(self) -> None:
        self.done = 0
        self._parts: list[np.ndarray] = []

    def put(self, start: int, stop: int, features: np.ndarray) -> None:
        """Take the features of rows ``start`` to ``stop``."""
        self._parts.append(features)
        self.done = stop

    def array(self) -> np.ndarray:
        """Return all features, float32 [n, d]."""
        return np.concatenate(self._parts)


def prove_rounding(
    place: str, encode: Callable[[np.ndarray, str, InMemory], np.ndarray], number: int, unit: str, dtype: str
) -> dict[str, Any]:
    """Encode some of a cohort in float32, too, and compare.

    Args:
        place: The key that asks for the type, for the error message.
        encode: Encodes rows in a type: row numbers, the type and where features are kept, to features [n, d].
        number: How many rows there are.
        unit: ``images`` or ``volumes``.
        dtype: The type.

    Returns:
        For the sidecar: how many were compared; ``relative_error``, the 2-norm of the differences to that of the
        features; ``relative_error_centred``, to that of the features less their mean, which is what tells images apart
        (None for one row, or rows that are all alike); the limit of the first; and the processor's units.

    Raises:
        ArmError: The first is above the limit, or not a number.
    """
    rows = np.unique(np.linspace(0, number - 1, min(number, SAMPLES[unit])).round().astype(int))
    exact, rounded = (encode(rows, used, InMemory()).astype(np.float64) for used in ("float32", dtype))
    difference = float(np.linalg.norm(rounded - exact))
    size, spread = float(np.linalg.norm(exact)), float(np.linalg.norm(exact - exact.mean(axis=0)))
    error = difference / size if size else difference
    if not error <= LIMIT:
        reason = f"is {dtype}, and the features of {len(rows)} {unit} differ by {error:.2%} from those in float32"
        raise ArmError(
            place, f"{reason} ({LIMIT:.0%} is allowed)", "set it to float32: this network does not bear the rounding"
        )
    return {
        "compared": len(rows), "unit": unit, "relative_error": error,
        "relative_error_centred": difference / spread if spread else None,
        "limit": LIMIT, "processor": bfloat16_units(),
    }  # fmt: skip
