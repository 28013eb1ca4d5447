"""ONNX Runtime on a network that PyTorch exported, in batches."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from bench.encoding_case import Case
from bench.harness import Variant


def variants(case: Case) -> list[Variant]:
    """Return the session's way."""
    import onnxruntime
    import torch

    file = case.folder / "network.onnx"
    example = torch.zeros(2, 3, case.size, case.size)
    names = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": {"x": {0: "n"}, "y": {0: "n"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter is the old one; the new one needs another package
        torch.onnx.export(case.network, (example,), str(file), dynamo=False, opset_version=17, **names)  # type: ignore[arg-type]
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = case.threads
    session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
    mean, std = (np.array(values, dtype=np.float32) for values in (case.mean, case.std))

    def run() -> Any:
        found = []
        for start in range(0, len(case.images), case.batch):
            x = (case.images[start : start + case.batch].astype(np.float32) / 255 - mean) / std
            found.append(session.run(None, {"x": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0])
        return np.concatenate(found)

    return [Variant("ONNX Runtime, in batches", run, len(case.images))]
