"""What networks compute: images through one as it is, and what arms and classifiers say of themselves."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from sixgig.forecast.constants import ENCODING_SHARE
from sixgig.gpu.work import TYPE_BYTES, Amount, NetworkSize, Work, encoding_memory

_MIB = 2**20


def image_work(amount: Amount, network: NetworkSize, dtype: str, batch: int) -> Work:
    """Return the work of encoding a cohort's images with a network as it is."""
    state, item = encoding_memory(network, amount.image_size, dtype)
    return Work(
        flops=amount.images * network.flops,
        passes=-(-amount.images // batch),
        streamed=2.0 * amount.images * network.kept * TYPE_BYTES[dtype],
        kind=network.kind,
        share=network.share * ENCODING_SHARE[network.kind] * min(1.0, (batch * max(network.tokens, 65) / 1040) ** 0.25),
        host_seconds=0.8 + amount.images * 3e-9 * 3 * amount.image_size**2,
        state_mb=state,
        item_mb=item,
        batch=batch,
        kept_mb=2 * amount.images * network.features * 4 / _MIB,
    )


def work_of(module: str) -> ModuleType | None:
    """Return the module ``work`` beside the module of an arm or a classifier; None where there is none."""
    name = f"{module.rpartition('.')[0]}.work"
    return import_module(name) if find_spec(name) else None
