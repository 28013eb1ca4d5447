"""From what a network makes of an image to one vector, whatever its layout: tokens, or a map with channels anywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sixgig.errors import WeightsError

#: Layouts of ``forward_features``: [n, tokens, c], [n, rows, columns, c] and [n, c, rows, columns].
TOKENS, NHWC, NCHW = "tokens", "NHWC", "NCHW"


@dataclass(frozen=True)
class Layout:
    """What a network makes of an image before pooling.

    Attributes:
        form: :data:`TOKENS`, :data:`NHWC` or :data:`NCHW`.
        prefix: Tokens before those of the patches: class token, registers. 0 of a map.
        class_token: Whether the first of them is a class token.
        positions: Patches, or positions of the map. 0 when only the prefix is handed on.
        width: Numbers per position.
    """

    form: str
    prefix: int
    class_token: bool
    positions: int
    width: int

    def __str__(self) -> str:
        """Say it in words."""
        if self.form != TOKENS:
            return f"a map of {self.positions} positions and {self.width} channels ({self.form}), without class token"
        kind = "the class token first" if self.class_token else "no class token"
        return (
            f"{self.prefix + self.positions} tokens of {self.width} numbers, {self.prefix} before the patches, {kind}"
        )

    def require(self, token: str, place: object, name: str) -> None:
        """Refuse a way of reading features that the network does not have.

        Args:
            token: ``cls``, ``mean``, ``cls_mean`` or ``pooled`` (the network's own vector, which every one has).
            place: The key that asks for it.
            name: The network's name.

        Raises:
            WeightsError: The network has no class token, or hands no patches on.
        """
        if token in ("cls", "cls_mean") and not self.class_token:
            step = "use token: mean, or, where the arm knows it, token: pooled (the network's own pooling)"
            raise WeightsError(place, f"is {token}, and {name} has no class token: it gives {self}", step)
        if token in ("mean", "cls_mean") and not self.positions:
            step = "use token: cls, or a network that hands its patches on"
            raise WeightsError(place, f"is {token}, and {name} gives no patches: it gives {self}", step)


def layout_of(network: Any, made: Any) -> Layout:
    """Tell the layout of what ``forward_features`` made of square images, from the network itself and not its name.

    Of a map, the two axes of equal length are rows and columns. Where all three are equal, it is NCHW, timm's default,
    unless the network's ``output_fmt`` says otherwise.

    Args:
        network: A timm model.
        made: What its ``forward_features`` returned, on any device.

    Raises:
        WeightsError: It is no tensor of three or four axes.
    """
    name = type(network).__name__
    shape = tuple(getattr(made, "shape", ()))
    if len(shape) == 3:
        prefix, class_token = _prefix_of(network)
        return Layout(TOKENS, prefix, class_token, shape[1] - prefix, shape[2])
    if len(shape) == 4:
        last = shape[1] == shape[2] != shape[3] or (len(set(shape[1:])) == 1 and _says_last(network))
        if not last and shape[2] != shape[3]:
            raise _unreadable(name, f"a tensor {list(shape)}, in which no two axes are rows and columns")
        channels = shape[3] if last else shape[1]
        return Layout(NHWC if last else NCHW, 0, False, math.prod(shape[1:]) // channels, channels)
    if shape:
        raise _unreadable(name, f"a tensor {list(shape)}")
    raise _unreadable(name, f"a {type(made).__name__}, several outputs instead of one")


def features_of_layout(network: Any, made: Any, token: str) -> Any:
    """Turn what ``forward_features`` made into one vector per image.

    Args:
        network: The timm model.
        made: Tokens [n, prefix + patches, c], or a map [n, rows, columns, c] or [n, c, rows, columns].
        token: ``cls``, ``mean`` (over patches or positions), ``cls_mean`` (both, concatenated) or ``pooled``: the
            network's own vector, such as that of SigLIP's attention pooling (MAP).

    Returns:
        Tensor [n, d].

    Raises:
        WeightsError: The network has no such token, or another layout.
    """
    if token == "pooled":
        return network.forward_head(made, pre_logits=True)
    layout = layout_of(network, made)
    layout.require(token, "token", type(network).__name__)
    if layout.form == TOKENS:
        return token_features(made, layout.prefix, token)
    return made.mean(dim=(1, 2) if layout.form == NHWC else (2, 3))


def token_features(tokens: Any, prefix_tokens: int, token: str) -> Any:
    """Turn the tokens after the last LayerNorm into one vector per image.

    Args:
        tokens: Tensor [n, prefix + patches, width].
        prefix_tokens: Tokens before the patches (class token, registers).
        token: ``cls``, ``mean`` (of patch tokens) or ``cls_mean`` (both, concatenated).

    Returns:
        Tensor [n, width], or [n, 2 x width] for ``cls_mean``. A ViT without class token has only ``mean``.
    """
    import torch

    mean = tokens[:, prefix_tokens:].mean(dim=1)
    if token == "mean" or prefix_tokens == 0:
        return mean
    if token == "cls":
        return tokens[:, 0]
    return torch.cat([tokens[:, 0], mean], dim=1)


def patch_side(network: Any) -> int:
    """Return the side of the patches that a network cuts images into, edge to edge; 0 when it does something else."""
    embedding = getattr(network, "patch_embed", None)
    patch, projection = (getattr(embedding, name, None) for name in ("patch_size", "proj"))
    if not isinstance(patch, tuple) or getattr(embedding, "dynamic_img_pad", False):
        return 0
    edge_to_edge = tuple(getattr(projection, "stride", patch)) == tuple(patch)
    return int(patch[0]) if edge_to_edge else 0


def _prefix_of(network: Any) -> tuple[int, bool]:
    """Return how many tokens stand before the patches, and whether the first is a class token.

    timm counts them in ``num_prefix_tokens``. Where a network lacks it, its class and distillation tokens are counted.
    A network may have registers and no class token.
    """
    tokens = [getattr(network, name, None) for name in ("cls_token", "dist_token")]
    counted = sum(int(token.shape[1]) for token in tokens if token is not None)
    prefix = getattr(network, "num_prefix_tokens", None)
    prefix = counted if prefix is None else int(prefix)
    return prefix, prefix > 0 and tokens[0] is not None


def _says_last(network: Any) -> bool:
    return str(getattr(network, "output_fmt", "")).upper().endswith(NHWC)


def _unreadable(name: str, what: str) -> WeightsError:
    step = "use a kind of arm that takes the network's own vector (a CNN's), or token: pooled, or another `model`"
    return WeightsError(f"network {name}", f"gives {what}, of which no features can be read", step)
