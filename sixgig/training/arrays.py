"""The file that carries a backbone between the two environments, and the names and shapes of its arrays.

A file is one ``.npz`` without pickles: an array per parameter of the backbone under timm's name, and the facts about
its architecture as JSON. Both NumPy 1.18 and NumPy 2 write and read it.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any, Mapping, Tuple

import numpy as np

from sixgig.errors import TrainingError
from sixgig.runtime.atomic import atomic_path

#: Name of the entry that holds the facts; no array may have it.
FACTS = "__facts__"
_SUFFIX = ".npy"

# What zipfile and NumPy raise on a file that is truncated, overwritten or of another kind.
_DAMAGE = (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)

_Shape = Tuple[int, ...]


def write_arrays(path: Any, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """Write arrays and facts to one file, which appears whole or not at all.

    Args:
        path: The ``.npz`` file.
        arrays: Numeric arrays by name.
        facts: Whatever JSON can hold.

    Raises:
        TrainingError: The file cannot be written, an array needs pickles, or the facts are not valid JSON.
    """
    final = Path(path)
    entries = OrderedDict((name, np.asarray(array)) for name, array in arrays.items())
    misplaced = [name for name, array in entries.items() if name == FACTS or array.dtype.hasobject]
    if misplaced:
        reason = f"{misplaced[0]} cannot be stored under that name and type"
        raise TrainingError(final, reason, f"give numeric arrays, none of them named {FACTS}")
    try:
        entries[FACTS] = np.array(json.dumps(dict(facts), sort_keys=True))
    except (TypeError, ValueError) as error:
        raise TrainingError(final, f"the facts are not valid JSON: {error}", "give plain values") from error
    try:
        _write(final, entries)
    except OSError as error:
        reason = f"cannot be written: {error.strerror or error}"
        raise TrainingError(final, reason, "make room there, or choose another folder") from error


def _write(final: Path, entries: Mapping[str, np.ndarray]) -> None:
    with atomic_path(final) as partial, zipfile.ZipFile(str(partial), "w") as archive:
        for name, array in entries.items():
            # np.savez takes no array named `file`, and writes the time: equal content gives equal bytes here.
            with archive.open(zipfile.ZipInfo(name + _SUFFIX), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def read_arrays(path: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and the facts of a file written by :func:`write_arrays`.

    Raises:
        TrainingError: The file is missing, damaged or of another kind.
    """
    source = Path(path)
    try:
        with zipfile.ZipFile(str(source)) as archive:
            # np.load of NumPy 1.18 leaves noise on the terminal when the file is damaged.
            arrays = {_stem(name): _read(archive, name) for name in archive.namelist()}
        facts = dict(json.loads(str(arrays.pop(FACTS)[()])))
    except _DAMAGE as error:
        reason = f"cannot be read as arrays of a backbone: {type(error).__name__}: {error}"
        raise TrainingError(source, reason, "delete it and run the same command again") from error
    return arrays, facts


def _stem(name: str) -> str:
    return name[: -len(_SUFFIX)] if name.endswith(_SUFFIX) else name


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as entry:
        array: np.ndarray = np.lib.format.read_array(entry, allow_pickle=False)
        entry.read()  # at the end of the entry its checksum is compared
    return array


def parameter_shapes(facts: Mapping[str, Any]) -> OrderedDict[str, _Shape]:
    """Return the name (timm's) and the shape of every parameter of a plain ViT, from input to output.

    Args:
        facts: Facts from :func:`sixgig.weights.export.export_vit`.

    Raises:
        TrainingError: A fact is missing.
    """
    try:
        return _parameter_shapes(facts)
    except KeyError as error:
        reason = f"the facts about the architecture lack {error}"
        raise TrainingError(facts.get("model", "backbone"), reason, "export the backbone again") from error


def _parameter_shapes(facts: Mapping[str, Any]) -> OrderedDict[str, _Shape]:
    width, hidden, patch = int(facts["width"]), int(facts["mlp_width"]), int(facts["patch_size"])
    rows, columns = facts["grid"]
    prefix = int(facts["class_token"]) + int(facts["register_tokens"])
    shapes: OrderedDict[str, _Shape] = OrderedDict()
    if facts["class_token"]:
        shapes["cls_token"] = (1, 1, width)
    if facts["register_tokens"]:
        shapes["reg_token"] = (1, int(facts["register_tokens"]), width)
    shapes["pos_embed"] = (1, rows * columns + (prefix if facts["position_prefix"] else 0), width)
    shapes["patch_embed.proj.weight"] = (width, 3, patch, patch)
    shapes["patch_embed.proj.bias"] = (width,)
    for index in range(int(facts["depth"])):
        for name, shape in _block_shapes(width, hidden, bool(facts["qkv_bias"]), bool(facts["layer_scale"])):
            shapes[f"blocks.{index}.{name}"] = shape
    shapes["norm.weight"] = (width,)
    shapes["norm.bias"] = (width,)
    return shapes


def _block_shapes(width: int, hidden: int, qkv_bias: bool, layer_scale: bool) -> list[tuple[str, _Shape]]:
    shapes: list[tuple[str, _Shape]] = [
        ("norm1.weight", (width,)),
        ("norm1.bias", (width,)),
        ("attn.qkv.weight", (3 * width, width)),
        ("attn.qkv.bias", (3 * width,)),
        ("attn.proj.weight", (width, width)),
        ("attn.proj.bias", (width,)),
        ("ls1.gamma", (width,)),
        ("norm2.weight", (width,)),
        ("norm2.bias", (width,)),
        ("mlp.fc1.weight", (hidden, width)),
        ("mlp.fc1.bias", (hidden,)),
        ("mlp.fc2.weight", (width, hidden)),
        ("mlp.fc2.bias", (width,)),
        ("ls2.gamma", (width,)),
    ]
    left_out = set() if qkv_bias else {"attn.qkv.bias"}
    left_out |= set() if layer_scale else {"ls1.gamma", "ls2.gamma"}
    return [(name, shape) for name, shape in shapes if name not in left_out]


def misfits(shapes: Mapping[str, _Shape], arrays: Mapping[str, np.ndarray]) -> str:
    """Say in words how arrays differ in name or shape from what is wanted; empty when they do not.

    Args:
        shapes: The names and shapes wanted.
        arrays: The arrays found.
    """
    found = {name: np.shape(array) for name, array in arrays.items()}
    kinds = (
        ("missing", [name for name in shapes if name not in found]),
        ("unexpected", [name for name in found if name not in shapes]),
        (
            "of another shape",
            [
                f"{name} is {list(found[name])}, must be {list(shape)}"
                for name, shape in shapes.items()
                if name in found and tuple(found[name]) != tuple(shape)
            ],
        ),
    )
    return "; ".join(
        "{} {} (first: {})".format(len(names), kind, ", ".join(names[:3])) for kind, names in kinds if names
    )
