"""timm as its documentation shows it: eager PyTorch, images one by one, and in batches."""

from __future__ import annotations

from typing import Any

from bench.encoding_case import Case
from bench.harness import Variant


def variants(case: Case) -> list[Variant]:
    """Return the loop over single images, and the one over batches."""
    import torch
    from torchvision.transforms.functional import normalize, to_tensor

    def one_by_one() -> Any:
        found = []
        with torch.no_grad():
            for image in case.images:
                x = normalize(to_tensor(image), list(case.mean), list(case.std))
                found.append(case.network(x[None])[0].numpy())
        return found

    def in_batches() -> Any:
        found = []
        with torch.inference_mode():
            for start in range(0, len(case.images), case.batch):
                images = case.images[start : start + case.batch]
                x = torch.stack([normalize(to_tensor(image), list(case.mean), list(case.std)) for image in images])
                found.append(case.network(x))
        return torch.cat(found).numpy()

    count = len(case.images)
    return [Variant("timm, one by one", one_by_one, count), Variant("timm, eager, in batches", in_batches, count)]
