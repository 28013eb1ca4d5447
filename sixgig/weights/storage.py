"""The weights file of a study: tensors under timm's names, and a JSON file that says where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError
from sixgig.runtime.atomic import atomic_path, read_json, write_json
from sixgig.runtime.digests import file_sha256

if TYPE_CHECKING:
    from torch import Tensor

# One metadata entry that holds JSON: safetensors writes several entries in random order, which would change the
# sha256 of equal content.
_METADATA_KEY = "sixgig"
_REBUILD = "delete it and run snakemake again with the target `weights`"


def write_weights(
    path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any], further: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write a weights file and its provenance (``path`` with the suffix ``.json``), each atomically.

    Args:
        path: The ``.safetensors`` file.
        tensors: State dict under timm's names.
        metadata: What :func:`sixgig.weights.build.build_weights` says about the tensors; must be JSON.
        further: What only the provenance says, and the weights file itself does not.

    Returns:
        The provenance: ``metadata`` and ``further`` with ``sha256`` of the file, and counts: ``tensors`` and
        ``parameters``.
    """
    from safetensors.torch import save_file

    packed = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as partial:
        mode = partial.stat().st_mode
        save_file(packed, partial, {_METADATA_KEY: json.dumps(metadata, sort_keys=True)})
        partial.chmod(mode)  # save_file makes a file that only its owner can read
        digest = file_sha256(partial)
    provenance = {**metadata, **(further or {})} | {
        "sha256": digest,
        "tensors": len(packed),
        "parameters": sum(tensor.numel() for tensor in packed.values() if tensor.is_floating_point()),
    }
    write_json(path.with_suffix(".json"), provenance)
    return provenance


def read_provenance(path: Path) -> dict[str, Any]:
    """Return the provenance of a weights file, as :func:`write_weights` returned it.

    Raises:
        WeightsError: The provenance file is missing or is not one.
    """
    sidecar = path.with_suffix(".json")
    try:
        provenance = read_json(sidecar)
    except (OSError, ValueError) as error:
        raise WeightsError(sidecar, f"cannot be read: {error}", _REBUILD) from error
    if not isinstance(provenance, dict) or not {"model", "sha256", "data_config"} <= provenance.keys():
        raise WeightsError(sidecar, "is not the provenance of a weights file", _REBUILD)
    return provenance


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the provenance of a weights file whose sha256 is the recorded one.

    Raises:
        WeightsError: A file is missing or damaged, or the sha256 differs from the recorded one.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    provenance = read_provenance(path)
    try:
        found = file_sha256(path)
        if found != provenance["sha256"]:
            raise WeightsError(
                path,
                f"has sha256 {found}, but {path.with_suffix('.json').name} records {provenance['sha256']}",
                _REBUILD,
            )
        return load_file(path), provenance
    except (OSError, SafetensorError) as error:
        raise WeightsError(path, f"cannot be read: {error}", _REBUILD) from error
