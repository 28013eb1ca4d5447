"""What an entry of ``weights:`` has to say, checked without any library of networks: planning asks this too."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from sixgig.errors import ConfigError
from sixgig.weights.layout_names import LAYOUT_NAMES
from sixgig.weights.monai_networks import is_monai

#: Tries every layout.
AUTO = "auto"
#: Converters for one published file each, by name: their module's ``convert(data, model, place)`` returns a state dict,
#: and they know mean and standard deviation.
SINGLE_FILE: Mapping[str, str] = {
    "dinov2_onnx": "sixgig.weights.dinov2_onnx",
    "efficientnet_lite0": "sixgig.weights.efficientnet_lite0",
}
#: Modules of all converters by their name in the study file. A layout's name admits that layout alone.
CONVERTERS: Mapping[str, str] = {
    **dict.fromkeys((AUTO, *LAYOUT_NAMES), "sixgig.weights.fitting"),
    **SINGLE_FILE,
}
#: What a source cannot do without.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "wheel": ("package", "version", "sha256"),
    "wheels": ("package", "version", "sha256", "member"),
    "hub": (),
    "file": ("path", "sha256"),
}
_REPOSITORY = re.compile(r"(?:hf-hub:)?([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)")


def check_entry(place: str, entry: Mapping[str, Any]) -> tuple[str, str]:
    """Check one entry of ``weights:``, and return its model and its converter.

    Args:
        place: Where the entry stands in the study file.
        entry: ``source``, ``model`` and maybe ``converter``, ``member``, ``prefix``, ``mean``, ``std`` and so on.

    Raises:
        ConfigError: Something is missing, unknown or contradicts something else.
    """
    model, converter, source = entry.get("model"), entry.get("converter", AUTO), entry.get("source")
    if not isinstance(model, str) or not model:
        raise ConfigError(place, "names no `model`", "add the timm model name, such as `model: resnet50`")
    if not isinstance(source, Mapping) or len(source) != 1 or next(iter(source)) not in _NEEDED:
        raise ConfigError(
            place,
            f"`source` is {source!r}",
            "write one of `{wheel: {...}}`, `{wheels: [...]}`, `{hub: {...}}` and `{file: {...}}`",
        )
    if converter not in CONVERTERS:
        near = difflib.get_close_matches(str(converter), CONVERTERS, n=1)
        raise ConfigError(
            place,
            f"there is no converter {converter!r}" + (f"; did you mean `{near[0]}`?" if near else ""),
            f"leave `converter` out, or choose one of {', '.join(CONVERTERS)}",
        )
    (kind, given), *_ = source.items()
    if kind == "wheel" and not entry.get("member"):
        raise ConfigError(place, "names no `member`", "add the path of the weights file inside the wheel")
    for index, part in enumerate(given if kind == "wheels" else [given or {}]):
        at = f"source.{kind}[{index}]" if kind == "wheels" else f"source.{kind}"
        absent = [key for key in _NEEDED[kind] if not part.get(key)]
        if absent:
            raise ConfigError(place, f"{at} lacks {', '.join(absent)}", f"add {', '.join(absent)}")
    if kind == "hub" and given:
        _check_hub(place, given)
    if is_timms_download(source) and (converter not in (AUTO, "timm") or entry.get("prefix")):
        key = "prefix" if entry.get("prefix") else f"converter {converter!r}"
        raise ConfigError(
            place, f"timm's own weights from the hub need no {key}", "remove it, or name a `repository` of the hub"
        )
    if is_monai(model):
        _check_volumes(place, model, converter, source)
    else:
        _check_normalisation(place, entry, model, converter, source)
    return model, converter


def _check_volumes(place: str, model: str, converter: str, source: Mapping[str, Any]) -> None:
    """Check an entry of a 3D network: its intensities are a matter of the arm, and timm has no weights of it."""
    if is_timms_download(source):
        step = "name a `repository` and a `file` of the hub, a `file` of yours, or wheels"
        raise ConfigError(f"{place}.source", f"timm has no weights of {model}", step)
    if converter != AUTO:
        reason = f"{converter} is for networks of timm, and {model} is one of MONAI"
        raise ConfigError(f"{place}.converter", reason, "leave it out")


def is_timms_download(source: Mapping[str, Any]) -> bool:
    """Whether a source is timm's own download of a model's weights: the hub without a repository."""
    return "hub" in source and not (source["hub"] or {}).get("repository")


def repository_of(source: Mapping[str, Any]) -> str:
    """Return owner and name of the hub's repository that a source names."""
    found = _REPOSITORY.fullmatch(str(source["hub"]["repository"]))
    return found[1] if found else ""


def _check_hub(place: str, given: Mapping[str, Any]) -> None:
    """Check the keys of ``source.hub``."""
    if not given.get("repository"):
        raise ConfigError(
            place,
            f"source.hub has {', '.join(given)} but no `repository`",
            "add `repository: hf-hub:owner/name`, or write `hub: {}` for timm's own weights of `model`",
        )
    if not _REPOSITORY.fullmatch(str(given["repository"])):
        raise ConfigError(
            f"{place}.source.hub.repository",
            f"{given['repository']!r} is not owner and name of a repository",
            "write it as `hf-hub:owner/name`, such as `hf-hub:microsoft/rad-dino`",
        )


def _check_normalisation(
    place: str, entry: Mapping[str, Any], model: str, converter: str, source: Mapping[str, Any]
) -> None:
    mean, std = entry.get("mean"), entry.get("std")
    if mean is not None and std is not None:
        if len(mean) != len(std) or not all(value > 0 for value in std):
            raise ConfigError(
                place,
                f"mean {list(mean)} and std {list(std)} do not belong together",
                "give as many numbers in both, one for each channel, those of std above 0",
            )
        return
    if "hub" in source or converter in SINGLE_FILE or ("." in model and ":" not in model):
        return  # the hub's files, the converter, or timm's record of these very weights say them
    raise missing_normalisation(place, model, [key for key in ("mean", "std") if entry.get(key) is None])


def missing_normalisation(place: str, model: str, keys: list[str]) -> ConfigError:
    """Return the error that nobody knows how images are normalised for an entry's weights.

    Args:
        place: Where the entry stands in the study file.
        model: Its model.
        keys: Those of ``mean`` and ``std`` that are not known.
    """
    return ConfigError(
        place,
        f"lacks {' and '.join(keys)}: {model} names a network and not a set of weights, and nothing else says how "
        "images were normalised when these weights were learned",
        "look it up where the weights were published, and add it for RGB values in [0, 1], such as "
        "`mean: [0.485, 0.456, 0.406]` and `std: [0.229, 0.224, 0.225]` (ImageNet's) or `mean: [0.5, 0.5, 0.5]` and "
        "`std: [0.5, 0.5, 0.5]`; or name timm's tag in `model` if these are timm's weights",
    )
