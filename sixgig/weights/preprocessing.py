"""How the authors of weights prepare images: from the study file, the model card's files, or timm's record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixgig.weights.entries import SINGLE_FILE, is_timms_download, missing_normalisation

#: Names of the filters by their number in Pillow, as a `preprocessor_config.json` gives them.
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
#: open_clip's, where its configuration says nothing.
_OPENAI_MEAN, _OPENAI_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def data_config_of(place: str, entry: Mapping[str, Any], network: Any, configs: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``mean``, ``std``, ``interpolation``, ``size`` and ``crop`` of an entry's weights.

    What the study file says comes first, then the files beside the weights on the hub, then what timm records for the
    tag in ``model``, or, for the converters of one file, what is known of that file: DINOv2 was trained with
    ImageNet's mean and standard deviation, and the EfficientNet-Lite0 checkpoint recognises photographs best with 0.5
    and 0.5, as timm says (checked by a test).

    Args:
        place: Where the entry stands in the study file.
        entry: The entry.
        network: The network of its ``model``.
        configs: Names of files beside the weights, and the JSON in them.

    Returns:
        ``interpolation`` and ``crop`` are None where nobody says them.

    Raises:
        ConfigError: Nobody says mean or standard deviation.
    """
    timms = getattr(network, "pretrained_cfg", None) or {}
    model = str(entry["model"])
    known: dict[str, Any] = {}
    of_timm = ("." in model and ":" not in model) or entry.get("converter") in SINGLE_FILE
    if (of_timm and not configs) or is_timms_download(entry["source"]):
        known = _timms(timms)
    known |= from_configs(configs)
    known |= {key: entry[key] for key in ("mean", "std", "interpolation", "crop") if entry.get(key) is not None}
    lacking = [key for key in ("mean", "std") if known.get(key) is None]
    if lacking:
        raise missing_normalisation(place, model, lacking)
    size = known.get("size") or (timms.get("input_size") or [None])[-1]
    crop = known.get("crop")
    return {
        "mean": _channels(known["mean"], model),
        "std": _channels(known["std"], model),
        "interpolation": known.get("interpolation"),
        "size": None if size is None else int(size),
        "crop": None if crop is None else float(crop),
    }


def from_configs(configs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the files of a model card say of mean, std, interpolation, crop and size; unknown keys are absent.

    Args:
        configs: The JSON in ``config.json`` (timm's), ``preprocessor_config.json`` (Hugging Face's) and
            ``open_clip_config.json``, by these names; later ones of this list count more.
    """
    found: dict[str, Any] = {}
    pretrained = (configs.get("config.json") or {}).get("pretrained_cfg")
    if isinstance(pretrained, Mapping):
        found |= _timms(pretrained)
    found |= _transformers(configs.get("preprocessor_config.json") or {})
    opened = configs.get("open_clip_config.json")
    if isinstance(opened, Mapping):
        given = opened.get("preprocess_cfg") or {}
        found |= {"mean": given.get("mean", _OPENAI_MEAN), "std": given.get("std", _OPENAI_STD)}
        found["interpolation"] = given.get("interpolation") or found.get("interpolation", "bicubic")
        found.setdefault("crop", 1.0)
        size = given.get("size") or ((opened.get("model_cfg") or {}).get("vision_cfg") or {}).get("image_size")
        if size:
            found["size"] = size[-1] if isinstance(size, list) else size
    return {key: value for key, value in found.items() if value is not None}


def _timms(config: Mapping[str, Any]) -> dict[str, Any]:
    size = config.get("input_size")
    return {
        "mean": config.get("mean"),
        "std": config.get("std"),
        "interpolation": config.get("interpolation"),
        "crop": config.get("crop_pct"),
        "size": size[-1] if size else None,
    }


def _transformers(config: Mapping[str, Any]) -> dict[str, Any]:
    """Read a `preprocessor_config.json`; a crop that is not made shows all of the image."""
    if not config:
        return {}
    found: dict[str, Any] = {"interpolation": _FILTERS.get(config.get("resample", -1))}
    if config.get("do_normalize", True):
        found |= {"mean": config.get("image_mean"), "std": config.get("image_std")}
    else:
        found |= {"mean": [0.0] * 3, "std": [1.0] * 3}
    resized, cropped = _side(config.get("size")), _side(config.get("crop_size"))
    if config.get("do_center_crop", cropped is not None) and resized and cropped:
        found |= {"crop": min(1.0, cropped / resized), "size": cropped}
    elif resized:
        found |= {"crop": 1.0, "size": resized}
    return found


def _side(size: Any) -> int | None:
    if isinstance(size, Mapping):
        size = size.get("shortest_edge") or size.get("height")
    return int(size) if isinstance(size, (int, float)) else None


def _channels(values: Any, model: str) -> list[float]:
    """Return one number for each channel; timm's networks see RGB, whose channels may share one."""
    found = [float(value) for value in values]
    return found * 3 if len(found) == 1 and not model.startswith("monai:") else found
