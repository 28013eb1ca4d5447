"""What an inference pass holds at once, found by letting it pass on torch's meta device and watching what lives."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

#: What mixed precision computes in 16 bits.
_HALVED = {
    "linear", "matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "addmm", "baddbmm", "einsum", "conv1d", "conv2d",
    "conv3d", "conv_transpose2d", "conv_transpose3d", "scaled_dot_product_attention", "multi_head_attention_forward",
}  # fmt: skip
#: What it computes in float32. Anything else is of the widest type that it is given.
_SINGLE = {"softmax", "log_softmax", "layer_norm", "group_norm", "norm", "cumsum", "prod", "exp", "log", "pow", "rsqrt"}
#: Whose parameters do not widen the result.
_AS_GIVEN = {"batch_norm", "instance_norm"}


def most_alive(run: Callable[[Any], Any], item: Any) -> float:
    """Return how many 16-bit numbers exist at once at the fullest moment of an inference pass in mixed precision.

    A number in float32 counts as two: softmax, layer norms, and every sum with their results or with parameters, so
    the residuals of most transformers and the scores of an attention with position biases. Counted is what is made from
    the item, with the 16-bit copies of what a product takes. The item and parameters are not; nor are scores of a
    fused attention, except where queries have three axes (SAM): a card's own attention wants four.

    Args:
        run: Takes the item through the network.
        item: A batch of one, on the device of the network.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    width: dict[int, int] = {item.untyped_storage()._cdata: 2}
    alive = most = 0.0

    def freed(key: int, amount: int) -> None:
        nonlocal alive
        alive -= amount
        width.pop(key, None)

    class Watch(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal alive, most
            given = list(_tensors((args, kwargs or {}), torch.Tensor))
            widths = [width.get(_key(one)) for one in given]
            derived = any(widths)
            made = function(*args, **(kwargs or {}))
            if not derived:
                return made
            name = getattr(function, "__name__", "")
            kept = [found or 2 for one, found in zip(given, widths, strict=True) if one.ndim]
            kept = kept[:1] if name in _AS_GIVEN else kept
            result = 1 if name in _HALVED else 2 if name in _SINGLE else max(kept, default=2)
            for one in _tensors(made, torch.Tensor):
                storage = one.untyped_storage()
                if storage._cdata not in width and not any(_key(other) == storage._cdata for other in given):
                    amount = result * (storage.nbytes() // one.element_size())
                    width[storage._cdata] = result
                    alive += amount
                    weakref.finalize(storage, freed, storage._cdata, amount)
            most = max(most, alive + _passing(name, given, widths))
            return made

    with torch.inference_mode(), Watch():
        run(item)
    return most


def _key(tensor: Any) -> int:
    return int(tensor.untyped_storage()._cdata)


def _tensors(value: Any, kind: type) -> Iterator[Any]:
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one, kind)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()), kind)


def _passing(name: str, given: list[Any], widths: list[int | None]) -> float:
    """Return the numbers that exist only while an operation runs."""
    if name not in _HALVED:
        return 0.0
    copies = sum(one.numel() for one, found in zip(given, widths, strict=True) if found == 2)
    if name == "scaled_dot_product_attention" and given[0].ndim == 3:
        scores = given[0].shape[0] * given[0].shape[1] * given[1].shape[1]
        copies += 2 * 2 * scores  # in float32, before softmax and after
    return float(copies)
