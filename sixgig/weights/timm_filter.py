"""What timm itself does to a published checkpoint of a network before it loads it."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Names of the function in timm's modules.
_NAMES = ("checkpoint_filter_fn", "_filter_fn", "_filter_torchvision_pretrained")


def filter_of(network: nn.Module) -> Callable[[dict[str, Tensor]], dict[str, Tensor] | None]:
    """Return timm's filter for the checkpoints of a network.

    Args:
        network: A timm model at the size that it is needed at; timm resamples position embeddings to it.

    Returns:
        A function from a state dict to one under timm's names; it returns None where timm has no filter for the
        network, or cannot make sense of the state dict.
    """
    module = sys.modules[type(network).__module__]
    own: Any = next((getattr(module, name) for name in _NAMES if hasattr(module, name)), None)

    def apply(state: dict[str, Tensor]) -> dict[str, Tensor] | None:
        if own is None or not module.__name__.startswith("timm."):
            return None
        taken = list(inspect.signature(own).parameters)
        # The filter of DeiT III is the one of ViT with this switch on; it changes nothing elsewhere.
        options = {"adapt_layer_scale": True} if "adapt_layer_scale" in taken else {}
        given = [dict(state)] if len(taken) == 1 else [dict(state), network]
        timms_log = logging.getLogger("timm")
        level = timms_log.level
        timms_log.setLevel(logging.ERROR)  # it speaks of every tensor that it resamples
        try:
            found: dict[str, Tensor] = own(*given, **options)
        except (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
            return None
        finally:
            timms_log.setLevel(level)
        return found

    return apply
