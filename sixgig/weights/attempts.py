"""One attempt to fill a network: the tensors behind one prefix, read as one layout."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sixgig.weights.layouts import rename
from sixgig.weights.timm_filter import filter_of

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Stands as a layout for what timm itself makes of a checkpoint.
TIMMS_FILTER = "timm's filter"
#: Tensors that follow the size of the images; they are fitted when the network is built.
_SIZED = re.compile(r"(?:.*\.)?(?:pos_embed\w*|relative_position_bias_table|rel_pos_[hw])")
#: Heads of networks and of the methods that trained them.
_HEADS = re.compile(
    r"(?:heads?|head_dist|fc|classifier|last_linear|pooler|attn_pool|projector|predictor|projection_head|proj_head|"
    r"dino_head|ibot_head|proj|visual_projection|contrastive_head|rotation_head|aux_?logits|\w*decoder\w*|pre_logits)"
    r"(?:\..+)?",
    re.IGNORECASE,
)
#: What some layouts keep beside the weights and no network needs for features.
_ASIDE = re.compile(
    r"mask_token|queue(?:_ptr)?|logit_(?:scale|bias)|"
    r"(?:.*\.)?(?:num_batches_tracked|relative_position_index|relative_coords_table|attn_mask|position_ids)"
)


@dataclass
class Attempt:
    """What became of a network's tensors.

    Attributes:
        prefix: What the names of the tensors begin with.
        layout: The layout they were read as.
        tensors: Under the network's names, in its shapes.
        used: Names in the checkpoint of what is in ``tensors``.
        heads: Names in the checkpoint, behind the prefix, of heads.
        missing: Names in the network.
        reshaped: Sentences on tensors of another shape.
        unexpected: Names of tensors behind the prefix that the network does not have.
        counters: Names of counters that are missing and that nothing needs.
        size: How many tensors the network has.
    """

    prefix: str
    layout: str
    tensors: dict[str, Tensor] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    heads: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    reshaped: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    counters: list[str] = field(default_factory=list)
    size: int = 0

    @property
    def complete(self) -> bool:
        """Whether the network is filled whole and nothing is unknown."""
        return not (self.missing or self.reshaped or self.unexpected)


def attempt(tensors: Mapping[str, Tensor], prefix: str, layout: str, network: nn.Module) -> Attempt | None:
    """Read the tensors behind a prefix as a layout, and compare them with a network.

    Args:
        tensors: All tensors of a checkpoint.
        prefix: What the names of the network's tensors begin with.
        layout: Name of a layout, or :data:`TIMMS_FILTER`.
        network: The network.

    Returns:
        What was found; None where timm has no filter that applies.
    """
    inside = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    read = _filtered(inside, network) if layout == TIMMS_FILTER else _renamed(inside, layout)
    if read is None:
        return None
    _fold_class_position(read, network)
    found, target = Attempt(prefix, layout), network.state_dict()
    found.size = len(target)
    for name, (tensor, sources) in read.items():
        full = {prefix + source for source in sources}
        if name in target:
            fitted = _in_shape(name, tensor, target[name])
            if fitted is None:
                found.reshaped.append(f"{name} is {list(tensor.shape)}, must be {list(target[name].shape)}")
            else:
                found.tensors[name] = fitted
                found.used |= full
        elif _HEADS.fullmatch(name) or name.startswith(_classifiers(network)):
            found.heads |= full
        elif not _ASIDE.fullmatch(name):
            found.unexpected.append(name)
    for name in target:
        if name not in read:
            (found.counters if name.endswith(".num_batches_tracked") else found.missing).append(name)
    return found


_Read = dict[str, "tuple[Tensor, set[str]]"]


def _renamed(inside: Mapping[str, Tensor], layout: str) -> _Read:
    """Return tensors under timm's names, each with the names that it comes from; parts are joined."""
    import torch

    read: _Read = {}
    parts: dict[str, dict[int, tuple[Tensor, str]]] = {}
    for source, tensor in inside.items():
        for name, piece in _pieces(rename(source, layout), tensor):
            whole, _, number = name.partition("#")
            if number:
                parts.setdefault(whole, {})[int(number)] = (piece, source)
            elif whole in read:  # another tensor has this name already
                read[f"{source} (a second {whole})"] = (piece, {source})
            else:
                read[whole] = (piece, {source})
    for whole, pieces in parts.items():
        in_row = sorted(pieces) == list(range(len(pieces))) and len(pieces) > 1
        if in_row and whole not in read and len({piece.shape for piece, _ in pieces.values()}) == 1:
            joined = torch.cat([pieces[index][0] for index in range(len(pieces))])
            read[whole] = (joined, {source for _, source in pieces.values()})
        else:
            read |= {source: (piece, {source}) for piece, source in pieces.values()}
    return read


def _pieces(names: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    for text in names.split("|"):
        name, _, thirds = text.partition("@")
        if thirds:
            first, last = (int(number) * len(tensor) // 3 for number in thirds.split(":"))
            yield name, tensor[first:last]
        else:
            yield name, tensor


def _filtered(inside: Mapping[str, Tensor], network: nn.Module) -> _Read | None:
    """Return what timm's filter makes of the tensors; what it was made of follows from memory where it is shared."""
    made = filter_of(network)(dict(inside))
    if made is None:
        return None
    names = {tensor.data_ptr(): name for name, tensor in inside.items()}
    return {name: (tensor, {names.get(tensor.data_ptr(), name)}) for name, tensor in made.items()}


def _fold_class_position(read: _Read, network: Any) -> None:
    """Add the position of the class token to it where a network has positions for patches only, as timm does."""
    if not getattr(network, "no_embed_class", False) or not {"pos_embed", "cls_token"} <= read.keys():
        return
    positions, sources = read["pos_embed"]
    token, token_sources = read["cls_token"]
    rows = positions.shape[-2] - 1
    if rows < 1 or math.isqrt(rows) ** 2 != rows:
        return
    read["cls_token"] = (token.reshape(1, 1, -1) + positions.reshape(1, rows + 1, -1)[:, :1], token_sources | sources)
    read["pos_embed"] = (positions[..., 1:, :], sources)


def _in_shape(name: str, tensor: Tensor, target: Tensor) -> Tensor | None:
    """Return a tensor in its target's shape, sides of 1 aside; None where it has another."""
    if tensor.shape == target.shape:
        return tensor
    if [side for side in tensor.shape if side != 1] == [side for side in target.shape if side != 1]:
        return tensor.reshape(target.shape)
    if _SIZED.fullmatch(name) and tensor.shape[-1:] == target.shape[-1:]:
        lacking = target.ndim - tensor.ndim
        if lacking >= 0 and list(target.shape[:lacking]) == [1] * lacking:
            return tensor.reshape([1] * lacking + list(tensor.shape))
    return None


def _classifiers(network: Any) -> tuple[str, ...]:
    """Return what the names of a timm model's classifier begin with."""
    heads: Any = getattr(network, "pretrained_cfg", {}).get("classifier") or ()
    return tuple(f"{head}." for head in ((heads,) if isinstance(heads, str) else heads))
