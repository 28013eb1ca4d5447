"""MONAI's 3D networks as encoders: which there are, what they take, and what the feature of a crop is.

A study names one as ``monai:<Network>``, with ``options`` for its constructor. Only the encoder is built and kept:
decoders and heads are left out. The feature of a crop is the mean over space of the deepest feature map; of a vision
transformer it is the mean of the patch tokens after the last LayerNorm.

Nothing imports MONAI or torch before a network is built: planning reads MONAI's source instead.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

PREFIX = "monai:"
_TOKENS = "the mean of the patch tokens after the last LayerNorm"
_MAP = "the mean over space of {}"


@dataclass(frozen=True)
class _Kind:
    """How a family of networks is built and read.

    Attributes:
        source: File under ``monai/networks/nets`` and class in it whose constructor takes the options.
        keep: Children that are the encoder; empty for all of them.
        features: Maps the network and crops [n, c, D, H, W] to features [n, d].
        feature: The same in words.
        fixed: Arguments of the constructor that are always these.
        channels: The argument that is the number of input channels.
        multiple: From options to the number that divides the sides of a crop.
        least: Fewest voxels along a side.
        crop: The argument that is the size of the crop, for networks that take one size alone.
    """

    source: tuple[str, str]
    features: Callable[[Any, Any], Any]
    feature: str
    keep: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    channels: str = "in_channels"
    multiple: Callable[[Mapping[str, Any]], int] = lambda options: 1
    least: int = 8
    crop: str = ""


def _pooled(features: Any) -> Any:
    return features.mean(dim=(2, 3, 4))


def _tokens(network: Any, crops: Any) -> Any:
    tokens, _ = network(crops)
    return tokens[:, int(hasattr(network, "cls_token")) :].mean(dim=1)


def _rectified(network: Any, crops: Any) -> Any:
    return _pooled(network.features(crops).relu())


_THREE = {"spatial_dims": 3}
_HEADED = {**_THREE, "out_channels": 1}
_RESNET = _Kind(
    ("resnet", "ResNet"), lambda network, crops: network(crops), _MAP.format("layer 4"),
    fixed={**_THREE, "feed_forward": False}, channels="n_input_channels",
)  # fmt: skip
_DENSENET = _Kind(
    ("densenet", "DenseNet"), _rectified, _MAP.format("the last dense block, normalised and rectified"),
    keep=("features",), fixed=_HEADED, least=32,
)  # fmt: skip
_KINDS: Mapping[str, _Kind] = {
    "SwinUNETR": _Kind(
        ("swin_unetr", "SwinUNETR"), lambda network, crops: _pooled(network.swinViT(crops, network.normalize)[-1]),
        _MAP.format("stage 4 of the Swin transformer"), keep=("swinViT",), fixed=_HEADED,
        multiple=lambda options: int(options.get("patch_size", 2)) ** 5,
    ),
    "ViT": _Kind(
        ("vit", "ViT"), _tokens, _TOKENS, keep=("patch_embedding", "blocks", "norm"), fixed=_THREE, crop="img_size",
    ),
    "UNETR": _Kind(
        ("unetr", "UNETR"), lambda network, crops: _tokens(network.vit, crops), _TOKENS, keep=("vit",), fixed=_HEADED,
        multiple=lambda options: 16, crop="img_size",
    ),
    "ResNet": _RESNET,
    **{f"resnet{depth}": _RESNET for depth in (10, 18, 34, 50, 101, 152, 200)},
    "ResNetFeatures": _Kind(
        ("resnet", "ResNetFeatures"), lambda network, crops: _pooled(network(crops)[-1]), _MAP.format("layer 4"),
        fixed={**_THREE, "pretrained": False},
    ),
    "DenseNet": _DENSENET,
    **{f"DenseNet{depth}": _DENSENET for depth in (121, 169, 201, 264)},
    "SegResNet": _Kind(
        ("segresnet", "SegResNet"), lambda network, crops: _pooled(network.encode(crops)[0]),
        _MAP.format("the encoder's last level"), keep=("convInit", "down_layers"), fixed=_HEADED,
    ),
    "SegResNetDS": _Kind(
        ("segresnet_ds", "SegResNetDS"), lambda network, crops: _pooled(network.encoder(crops)[-1]),
        _MAP.format("the encoder's last level"), keep=("encoder",), fixed=_HEADED,
    ),
}  # fmt: skip


def is_monai(model: str) -> bool:
    """Whether a name of a network is one of MONAI's."""
    return model.startswith(PREFIX)


def network_names() -> tuple[str, ...]:
    """Return the networks that can be named, without the prefix."""
    return tuple(_KINDS)


def feature_words(model: str) -> str:
    """Return what the feature of a crop is, in words."""
    return _KINDS[model.removeprefix(PREFIX)].feature


def check_network(model: str, options: Mapping[str, Any] | None, place: str) -> None:
    """Check a network's name and the names of its options, without importing MONAI.

    Args:
        model: ``monai:<Network>``.
        options: For its constructor.
        place: The entry of ``weights``, for the message.

    Raises:
        WeightsError: There is no such network, or it has no such option, or lacks one; the nearest names are given.
    """
    name, given = model.removeprefix(PREFIX), options or {}
    kind = _KINDS.get(name)
    if kind is None:
        lower = {known.lower(): known for known in _KINDS}
        near = [lower[found] for found in difflib.get_close_matches(name.lower(), lower, n=3)] or list(_KINDS)
        known = ", ".join(f"{PREFIX}{found}" for found in near)
        raise WeightsError(f"{place}.model", f"there is no 3D network {model!r}", f"use one of {known}")
    taken = [argument for argument in _arguments(*kind.source) if argument not in kind.fixed]
    for key in given:
        if key in kind.fixed:
            step = "remove it: the encoder alone is built, in 3D, and its weights come from `source`"
            raise WeightsError(f"{place}.options.{key}", f"is always {kind.fixed[key]!r}", step)
        if taken and key not in taken:
            close = difflib.get_close_matches(key, taken, n=3) or taken
            raise WeightsError(
                f"{place}.options.{key}", f"{name} has no such option in MONAI", f"use one of {', '.join(close)}"
            )
    for key in (kind.crop, *({"ViT": ("patch_size",), "ResNetFeatures": ("model_name",)}.get(name, ()))):
        if key and key not in given:
            step = f"add `options: {{{key}: ...}}` to {place}"
            raise WeightsError(f"{place}.options.{key}", f"is missing, and {name} cannot be built without it", step)


@cache
def _arguments(file: str, name: str) -> tuple[str, ...]:
    """Return the arguments of a constructor, from MONAI's source; none when it is not installed."""
    spec = find_spec("monai")
    if spec is None or not spec.origin:
        return ()
    tree = ast.parse((Path(spec.origin).parent / "networks" / "nets" / f"{file}.py").read_text(encoding="utf-8"))
    for found in ast.walk(tree):
        if isinstance(found, ast.ClassDef) and found.name == name:
            for method in found.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    return tuple(argument.arg for argument in method.args.args[1:])
    return ()


def channels_of(model: str, options: Mapping[str, Any] | None) -> int:
    """Return the input channels of a network; 1 where its options do not say."""
    return int((options or {}).get(_KINDS[model.removeprefix(PREFIX)].channels, 1))


def channels_key(model: str) -> str:
    """Return the option that is the number of input channels."""
    return _KINDS[model.removeprefix(PREFIX)].channels


def own_crop(model: str, options: Mapping[str, Any] | None) -> tuple[int, ...] | None:
    """Return the one size of crop that a network takes; None when it takes others too."""
    key = _KINDS[model.removeprefix(PREFIX)].crop
    return _three((options or {})[key]) if key else None


def crop_fault(model: str, options: Mapping[str, Any] | None, crop: Sequence[int]) -> tuple[str, list[int]] | None:
    """Return why a network does not take crops of a size, and the nearest size; None when it takes them.

    Args:
        model: ``monai:<Network>``.
        options: For its constructor.
        crop: Voxels along the network's three axes.
    """
    kind, name = _KINDS[model.removeprefix(PREFIX)], model.removeprefix(PREFIX)
    own = own_crop(model, options)
    if own is not None:
        if tuple(crop) == own:
            return None
        return f"{list(crop)} is not the size of {name} with options.{kind.crop}", list(own)
    multiple = kind.multiple(options or {})
    wrong = any(side % multiple or side < kind.least for side in crop)
    if not wrong:
        return None
    least = -(-kind.least // multiple) * multiple
    nearest = [max(least, (side + multiple // 2) // multiple * multiple) for side in crop]
    wanted = f"multiples of {multiple}" if multiple > 1 else f"sides of at least {kind.least} voxels"
    return f"{list(crop)} does not fit {name}, which takes {wanted}", nearest


def _three(size: Any) -> tuple[int, ...]:
    return (int(size),) * 3 if isinstance(size, int) else tuple(int(side) for side in size)


def build_network(model: str, options: Mapping[str, Any] | None = None, seed: int = 0) -> nn.Module:
    """Return an untrained encoder, in evaluation mode.

    Args:
        model: ``monai:<Network>``.
        options: For its constructor; input channels are 1 when they do not say.
        seed: Seed of the initial weights: equal seeds give equal weights. PyTorch's global generator is left as it was.

    Raises:
        WeightsError: There is no such network or option, or MONAI cannot build it with these options.
    """
    place = f"network {model}"
    check_network(model, options, place)
    import torch
    from monai.networks import nets

    name = model.removeprefix(PREFIX)
    kind = _KINDS[name]
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in (options or {}).items()}
    arguments = {kind.channels: 1, **given, **kind.fixed}
    build = getattr(nets, name, None) or getattr(nets.resnet, name)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        try:
            network: nn.Module = build(**arguments)
        except (AssertionError, ImportError, KeyError, RuntimeError, TypeError, ValueError) as error:
            told = (str(error).splitlines() or [type(error).__name__])[0]
            raise WeightsError(place, f"cannot be built: {told}", "correct `options`") from error
    for child in [child for child, _ in network.named_children()]:
        if kind.keep and child not in kind.keep:
            delattr(network, child)
    _drop_unused(network)
    return network.eval()


def _drop_unused(network: nn.Module) -> None:
    """Remove LayerNorms of a cross attention that is not there: no forward pass uses them, and no file needs them."""
    for module in network.modules():
        if hasattr(module, "norm_cross_attn") and not getattr(module, "with_cross_attention", False):
            del module.norm_cross_attn


def features_of(model: str, network: nn.Module, crops: Tensor) -> Tensor:
    """Return the features of crops.

    Args:
        model: ``monai:<Network>``.
        network: From :func:`build_network`.
        crops: [n, channels, D, H, W].

    Returns:
        [n, d].
    """
    features: Tensor = _KINDS[model.removeprefix(PREFIX)].features(network, crops)
    return features


def volume_config(model: str, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the provenance says of the network's input; see :func:`sixgig.weights.loading.data_config`.

    How intensities were scaled is not known from a network: the arm is told. ``mean`` and ``std`` are absent.
    """
    own = own_crop(model, options)
    return {"dimensions": 3, "channels": channels_of(model, options), "size": None if own is None else list(own)}
