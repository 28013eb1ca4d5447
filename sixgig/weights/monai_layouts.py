"""State dicts of 3D networks as they are published, under MONAI's own names: whole or not at all.

Which container and which prefix a file has is found out, not listed: the encoder's names have to stand in it, all
behind the same beginning (``module.``, ``state_dict.swinViT.``, ``encode_image.i3_resnet.`` and so on). Known are
MONAI's own state dicts, SwinUNETR's self-supervised ones (without ``swinViT.``, ``fc1`` for ``linear1``), MedicalNet's
(``module.``) and Merlin's I3ResNet.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError
from sixgig.weights.fitting import rank
from sixgig.weights.reading import read_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

#: MONAI's word and those that files have in its place.
_WORDS = (("mlp.linear1.", "mlp.fc1."), ("mlp.linear2.", "mlp.fc2."))
#: Names of encoders that files leave out.
_ENCODERS = ("swinViT.", "vit.", "encoder.")
#: A counter that inference does not use; older files lack it.
_COUNTER = "num_batches_tracked"
#: Tensors that change what the encoder's others mean, so that they are never left over in silence.
_CLASS_TOKEN = "cls_token"


def convert(
    data: bytes, network: nn.Module, model: str, place: str, prefix: str | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the encoder's tensors in a file, and what the provenance says: ``filled`` and ``left_out``.

    Args:
        data: Content of the file.
        network: See :func:`fill`.
        model: See :func:`fill`.
        place: See :func:`fill`.
        prefix: What the names of the encoder's tensors begin with; found out when None.

    Raises:
        WeightsError: The file cannot be read; and see :func:`fill`.
    """
    state, left_out = fill(read_tensors(data, place), network, model, place, prefix)
    return state, {"layout": "monai", "filled": len(state), "left_out": left_out}


def fill(
    tensors: Mapping[str, Tensor], network: nn.Module, model: str, place: str, prefix: str | None = None
) -> tuple[dict[str, Tensor], list[str]]:
    """Return the encoder's tensors out of a file, under MONAI's names, and the names of those left over.

    Args:
        tensors: All tensors of a file by their names; those of containers may have the container's name before theirs.
        network: The encoder, from :func:`sixgig.weights.monai_networks.build_network`.
        model: Its name, for messages.
        place: Where the file comes from, for messages.
        prefix: What the names of the encoder's tensors begin with; found out when None.

    Raises:
        WeightsError: A tensor of the encoder is not in the file, or of another shape; the first ones are named, with
            the nearest names that the file has.
    """
    import torch

    target = network.state_dict()
    names = _matched(tensors, list(target), place, prefix)
    missing = [name for name in target if name not in names and not name.endswith(_COUNTER)]
    if missing:
        raise _missing(missing, len(target), tensors, model, place)
    state = {
        name: tensors[names[name]] if name in names else torch.zeros_like(tensor) for name, tensor in target.items()
    }
    for name, tensor in target.items():
        if state[name].shape != tensor.shape:
            raise WeightsError(
                place,
                f"tensor {names[name]} is {list(state[name].shape)}, and {model} needs {list(tensor.shape)}",
                f"correct `model` or its `options`: they must be those that the weights were trained with{_hint(name)}",
            )
    used = set(names.values())
    left_over = [name for name in tensors if name not in used]
    token = next((name for name in left_over if name.split(".")[-1] == _CLASS_TOKEN), None)
    if token is not None and _CLASS_TOKEN not in {name.split(".")[-1] for name in target}:
        step = "add `options: {classification: true}`"
        raise WeightsError(place, f"tensor {token} is a class token, and {model} is built without one", step)
    return state, left_over


def _hint(name: str) -> str:
    if "position" in name and "embedding" in name:
        return "; positions are not resampled: options.img_size is the size that they were learned for"
    if name.endswith(("conv1.weight", "conv0.weight", "proj.weight", "convInit.conv.weight")):
        return ", the number of input channels among them"
    return ""


def _matched(tensors: Mapping[str, Tensor], target: list[str], place: str, prefix: str | None) -> dict[str, str]:
    """Return the file's name for each of the encoder's names, under the beginning that most of them stand behind.

    Raises:
        WeightsError: Several parts of the file hold the network, and none of them is the usual choice.
    """
    spellings = {name: _spellings(name) for name in target}

    def behind(beginning: str) -> dict[str, str]:
        matched = {}
        for name in target:
            known = next(
                (beginning + spelling for spelling in spellings[name] if beginning + spelling in tensors), None
            )
            if known is not None:
                matched[name] = known
        return matched

    if prefix is not None:
        return behind(prefix)
    beginnings: Counter[str] = Counter()
    by_ending: dict[str, list[str]] = {}
    for known in tensors:
        by_ending.setdefault(known.rpartition(".")[2], []).append(known)
    for name in target:
        found = set()
        for spelling in spellings[name]:
            for known in by_ending.get(spelling.rpartition(".")[2], ()):
                if known == spelling or known.endswith("." + spelling):
                    found.add(known[: len(known) - len(spelling)])
        beginnings.update(found)
    most = max(beginnings.values(), default=0)
    best = sorted(
        (text for text, count in beginnings.items() if count == most), key=lambda text: (rank(text), len(text), text)
    )
    if len(best) > 1 and rank(best[0]) == rank(best[1]):
        both = [set(behind(text).values()) for text in best[:2]]
        if both[0] != both[1]:
            reason = f"several parts of it hold the network: {', '.join(f'`{text}`' for text in best)}"
            raise WeightsError(place, reason, f"say which is meant, such as `prefix: {best[0]}`")
    return behind(best[0] if best else "")


def _spellings(name: str) -> list[str]:
    """Return how a name may stand in a file, MONAI's own first."""
    found = [name, *(name.removeprefix(word) for word in _ENCODERS if name.startswith(word))]
    for word, other in _WORDS:
        found += [spelling.replace(word, other) for spelling in found if word in spelling]
    return found


def _missing(missing: list[str], number: int, tensors: Mapping[str, Tensor], model: str, place: str) -> WeightsError:
    near = difflib.get_close_matches(missing[0], tensors, n=3, cutoff=0.3) or list(tensors)[:3]
    return WeightsError(
        place,
        f"{len(missing)} of {number} tensors of {model} are not in it (first: {', '.join(missing[:3])}; the nearest "
        f"names in it are {', '.join(near)})",
        "check that `model` and its `options` name the network that these weights belong to",
    )
