"""The loader: finds in a checkpoint the part and the layout that fill a network whole, or says why none does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sixgig.weights.attempts import TIMMS_FILTER, Attempt, attempt
from sixgig.weights.layout_names import LAYOUT_NAMES
from sixgig.weights.misfits import ambiguous, no_such_prefix, nothing_fits
from sixgig.weights.reading import read_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Which of several networks in one checkpoint is meant, by a part of the names before its tensors. Self-supervised
#: methods evaluate the teacher (DINO, DINOv2, iBOT), the averaged weights (as timm does) and the encoder that learns by
#: gradients where its momentum copy only gives targets (MoCo).
_RANKS = {
    "teacher": 0, "state_dict_ema": 0, "model_ema": 0, "ema": 0,
    "student": 2, "momentum_encoder": 2, "encoder_k": 2,
}  # fmt: skip
#: Share of the network's tensors that must stand behind a prefix for it to be looked at.
_SHARE = 0.4
_DEPTH = 6
#: Names under which programs keep a state dict.
_CONTAINERS = {"state_dict", "model_state_dict", "model", "module", "teacher", "student", "net", "network"}
#: Longer lists of names that are left out are shortened to the first part of the names.
_LISTED = 8


def convert(
    data: bytes, model: str, place: str, layouts: Sequence[str] = LAYOUT_NAMES, prefix: str | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state dict in a checkpoint for a timm model without head, whatever names and containers it has.

    Args:
        data: Content of the file.
        model: Name of the model.
        place: Where the file comes from, for error messages.
        layouts: Names of the layouts to try.
        prefix: What the names of the network's tensors begin with; found out when None.

    Returns:
        As :func:`fit`.

    Raises:
        WeightsError: The file cannot be read, or nothing in it fills the network whole.
    """
    return fit(read_tensors(data, place), outline(model), place, layouts, prefix)


def outline(model: str) -> nn.Module:
    """Return a network at its own size whose tensors have names and shapes but no memory, where it can be built so."""
    import torch

    from sixgig.weights.loading import create_network

    try:
        with torch.device("meta"):
            return create_network(model)
    except (NotImplementedError, RuntimeError):  # its constructor computes with its tensors
        return create_network(model)


def fit(
    tensors: Mapping[str, Tensor],
    network: nn.Module,
    place: str,
    layouts: Sequence[str] = LAYOUT_NAMES,
    prefix: str | None = None,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Find the tensors that fill every parameter and buffer of a network.

    Containers (``state_dict``, ``teacher``, ``module.backbone.`` and any other) are unwrapped by looking behind every
    beginning that enough names share. timm's own filter is tried after the layouts.

    Args:
        tensors: From :func:`sixgig.weights.reading.read_tensors`.
        network: The network without classifier head, such as from :func:`outline`.
        place: Where the tensors come from, for error messages.
        layouts: Names of the layouts to try.
        prefix: What the names of the network's tensors begin with; found out when None.

    Returns:
        Tensors under the network's names; those that depend on the image size, such as position embeddings, at the size
        of the checkpoint. And what the provenance says: ``layout``, ``prefix``, ``filled`` (how many tensors),
        ``counters`` (those that inference does not use and that were set to 0), ``heads`` and ``left_out`` (names in
        the checkpoint that were not used), and ``also_fits`` (what else would fill the network).

    Raises:
        WeightsError: Nothing fills the network whole, or two parts do and neither is the usual choice.
    """
    import torch

    wanted = {name: tensor.shape for name, tensor in network.state_dict().items()}
    prefixes = [prefix] if prefix is not None else _prefixes(tensors, len([name for name in wanted if _trains(name)]))
    if prefix and not any(name.startswith(prefix) for name in tensors):
        raise no_such_prefix(place, prefix, _beginnings(tensors))
    tried: list[Attempt] = []
    complete: dict[str, Attempt] = {}
    for beginning in prefixes:
        for layout in (*layouts, TIMMS_FILTER):
            found = attempt(tensors, beginning, layout, network)
            if found is None:
                continue
            tried.append(found)
            if found.complete:
                complete.setdefault(beginning, found)
                break  # further layouts would find the same tensors under the same names
    if not complete:
        raise nothing_fits(place, network, tried, lambda prefix: _beginnings(_behind(tensors, prefix)))
    chosen = _choose(list(complete.values()), place)
    state = dict(chosen.tensors)
    for name in chosen.counters:
        state[name] = torch.zeros(wanted[name], dtype=torch.int64)
    return state, {
        "layout": chosen.layout,
        "prefix": chosen.prefix,
        "filled": len(chosen.tensors),
        "counters": len(chosen.counters),
        "heads": _shortened(chosen.heads, chosen.prefix),
        "left_out": _shortened(set(tensors) - chosen.used - chosen.heads, chosen.prefix),
        "also_fits": [f"{other.prefix} ({other.layout})" for other in complete.values() if other is not chosen],
    }


def _trains(name: str) -> bool:
    return not name.endswith("num_batches_tracked")


def _prefixes(tensors: Iterable[str], size: int) -> list[str]:
    """Return what enough names begin with, the longest last; parts that are numbers are layers and no containers.

    The usual containers count with any number of names, so that part of a network is described by its own names.
    """
    counts: Counter[str] = Counter()
    for name in tensors:
        parts = name.split(".")[:-1]
        for depth in range(min(_DEPTH, len(parts))):
            if parts[depth].isdigit():
                break
            counts[".".join(parts[: depth + 1]) + "."] += 1
    few = {text for text in counts if all(part in _CONTAINERS for part in text[:-1].split("."))}
    return ["", *sorted((text for text, count in counts.items() if count >= _SHARE * size or text in few), key=len)]


def _behind(tensors: Iterable[str], prefix: str) -> list[str]:
    """Return the names behind a prefix, without it."""
    return [name[len(prefix) :] for name in tensors if name.startswith(prefix)]


def _choose(complete: list[Attempt], place: str) -> Attempt:
    """Return the attempt that is meant among those that fill the network."""
    ranked = sorted(complete, key=lambda found: (rank(found.prefix), -len(found.prefix)))
    best = [found for found in ranked if rank(found.prefix) == rank(ranked[0].prefix)]
    if any(not (found.used <= best[0].used or best[0].used <= found.used) for found in best[1:]):
        raise ambiguous(place, sorted(best, key=lambda found: found.prefix))
    return best[0]


def rank(prefix: str) -> int:
    """Return how usual it is to mean the part of a checkpoint behind a prefix: the least is meant."""
    parts = prefix.split(".")
    return min((_RANKS[part] for part in parts if part in _RANKS), default=1)


def _beginnings(tensors: Iterable[str]) -> list[str]:
    """Return what names begin with, and how many do, the most common first."""
    counts = Counter(name.split(".")[0] + ("." if "." in name else "") for name in tensors)
    return [f"{text} ({count})" for text, count in counts.most_common(6)]


def _shortened(names: Iterable[str], prefix: str) -> list[str]:
    """Return names for a provenance; many with an equal first part, behind the prefix, become one entry."""

    def group(name: str) -> str:
        start = len(prefix) if name.startswith(prefix) else 0
        return name[:start] + name[start:].split(".")[0]

    found = sorted(names)
    counts = Counter(map(group, found))
    many = {name: f"{group(name)}.* ({counts[group(name)]} tensors)" for name in found if counts[group(name)] > _LISTED}
    return list(dict.fromkeys(many.get(name, name) for name in found))
