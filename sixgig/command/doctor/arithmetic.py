"""Does torch compute? A product of matrices and a convolution against NumPy in float64, in a process of its own.

``python -m sixgig.command.doctor.arithmetic PRECISION [--card]`` prints what torch is and the errors, as JSON. A build
that does not fit the processor or the card may crash or hang, which must not happen to the doctor.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

#: Largest error relative to the largest value, by type. Good devices are off by a fraction of it; cuDNN may compute
#: convolutions of float32 with 10 bits (TF32), which is off by 5e-4.
TOLERANCE = {"float32": 3e-3, "float16": 1e-2, "bfloat16": 6e-2}


def main(arguments: Sequence[str]) -> int:
    """Print what torch is and how far its results are off."""
    print(json.dumps(measure(arguments[0], "--card" in arguments[1:])), flush=True)
    return 0


def measure(precision: str, with_card: bool) -> dict[str, Any]:
    """Return versions and the errors of every device.

    Args:
        precision: ``float32``, ``float16``, ``bfloat16``, or ``auto`` for what the study would choose on the card.
        with_card: Whether to use the card, too.

    Returns:
        ``torch`` and ``cuda`` (versions; None without CUDA), ``architectures``, ``available`` and ``errors``:
        device -> type -> operation -> error relative to the largest value.
    """
    import torch

    facts: dict[str, Any] = {"torch": torch.__version__, "cuda": torch.version.cuda, "available": False}
    errors = {"cpu": {"float32": _errors(torch, "cpu", "float32")}}
    facts["architectures"] = torch.cuda.get_arch_list()
    if with_card and torch.cuda.is_available():
        facts["available"] = True
        if precision == "auto":
            precision = "bfloat16" if torch.cuda.get_device_properties(0).major >= 8 else "float16"
        types = dict.fromkeys(["float32", precision])
        errors["cuda"] = {name: _errors(torch, "cuda", name) for name in types}
    return {**facts, "errors": errors}


def _errors(torch: Any, device: str, precision: str) -> dict[str, float]:
    """Return the error of each operation; what is expected is computed from the same rounded inputs in float64."""
    import numpy as np

    random = np.random.default_rng(7)
    kind = getattr(torch, precision)
    left, right, picture, kernel = (
        torch.from_numpy(random.standard_normal(shape)).to(kind) for shape in ((48, 64), (64, 32), (12, 12), (3, 3))
    )
    exact = [tensor.double().numpy() for tensor in (left, right, picture, kernel)]
    windows = np.lib.stride_tricks.sliding_window_view(exact[2], (3, 3))
    wanted = {"matmul": exact[0] @ exact[1], "convolution": np.einsum("ijkl,kl->ij", windows, exact[3])}
    given = [tensor.to(device) for tensor in (left, right, picture, kernel)]
    found = {
        "matmul": given[0] @ given[1],
        "convolution": torch.nn.functional.conv2d(given[2][None, None], given[3][None, None])[0, 0],
    }
    return {
        name: float(np.abs(found[name].double().cpu().numpy() - right).max() / np.abs(right).max())
        for name, right in wanted.items()
    }


def worst(errors: Mapping[str, Mapping[str, float]]) -> tuple[str, float, bool]:
    """Return type and operation with the largest error for its type, that error, and whether all are small enough."""
    rows = [
        (error / TOLERANCE[kind], f"{operation} in {kind}", error)
        for kind, own in errors.items()
        for operation, error in own.items()
    ]
    wrong = [row for row in rows if not row[0] <= 1]  # also what is not a number
    _, name, error = wrong[0] if wrong else max(rows)
    return name, error, not wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
