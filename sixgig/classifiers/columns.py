"""Decision values with a column for each class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def as_columns(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give each of two classes a column; their softmax is the sigmoid of the decision value.

    Args:
        values: Decision values as scikit-learn gives them: [n] for two classes, [n, n_classes] for more.
    """
    return np.column_stack([-values / 2, values / 2]) if values.ndim == 1 else values
