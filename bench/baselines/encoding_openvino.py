"""OpenVINO on a network that it reads from PyTorch, in batches, in float32 and in bfloat16."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.encoding_case import Case
from bench.harness import Variant, within


def variants(case: Case) -> list[Variant]:
    """Return float32, and bfloat16 where the processor has units for it (there it is OpenVINO's own default)."""
    import openvino
    import torch

    from sixgig.gpu.processor import bfloat16_units

    model = openvino.convert_model(case.network, example_input=torch.zeros(2, 3, case.size, case.size))
    mean, std = (np.array(values, dtype=np.float32) for values in (case.mean, case.std))

    def way(precision: str) -> Any:
        hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": case.threads}
        compiled = openvino.Core().compile_model(model, "CPU", {**hints, "PERFORMANCE_HINT": "LATENCY"})

        def run() -> Any:
            found = []
            for start in range(0, len(case.images), case.batch):
                x = (case.images[start : start + case.batch].astype(np.float32) / 255 - mean) / std
                found.append(np.array(compiled(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))[0]))
            return np.concatenate(found)

        return run

    count = len(case.images)
    found = [Variant("OpenVINO, in batches", way("f32"), count)]
    if bfloat16_units():
        found.append(Variant("OpenVINO, bfloat16", way("bf16"), count, within(0.1), 0.0))
    return found
