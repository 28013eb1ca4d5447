"""Networks from weights files: create the timm model, fit the weights to the image size, load them strictly."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError
from sixgig.weights.monai_networks import build_network, check_network, is_monai
from sixgig.weights.storage import read_provenance, read_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

#: How a grid of position embeddings is brought to another size (``position_resampling`` in the provenance).
BICUBIC = "bicubic"  # bicubic without antialiasing, as DINOv2 was trained and exported
TIMM = "timm"  # what timm does for the model: bicubic with antialiasing


def load_backbone(weights_path: Path, image_size: int, device: str = "cpu") -> nn.Module:
    """Return the pretrained network of a weights file, in eval mode and without a classifier head.

    Args:
        weights_path: A file written by :func:`sixgig.weights.build.build_weights`.
        image_size: Height and width of the images in pixels. Position embeddings are resampled to it.
        device: Where the network goes, such as ``cpu`` or ``cuda``.

    Returns:
        A timm model: images float [n, 3, image_size, image_size] to features [n, d].

    Raises:
        WeightsError: The file is missing, changed, or does not fit the network or the image size.
    """
    state, provenance = read_weights(Path(weights_path))
    network = create_network(provenance["model"], image_size, options=provenance.get("options"))
    load_state(network, state, provenance.get("position_resampling", TIMM), weights_path)
    return network.eval().to(device)


def random_backbone(model: str, image_size: int, seed: int) -> nn.Module:
    """Return an untrained network for the random-weight control, initialised as timm does.

    Args:
        model: timm model name.
        image_size: Height and width of the images in pixels.
        seed: Seed of the weights: equal seeds give equal weights. PyTorch's global generator is left as it was.

    Raises:
        WeightsError: timm does not know the model, or it cannot take this image size.
    """
    return create_network(model, image_size, seed).eval()


def data_config(weights_path: Path) -> dict[str, Any]:
    """Return the preprocessing that the network of a weights file expects.

    Returns:
        ``mean`` and ``std``, three numbers each, for RGB values in [0, 1]; how the network's authors prepare images:
        ``interpolation``, by name, ``size`` in pixels, and ``crop``, the share of the shorter side that they keep.

    Raises:
        WeightsError: The provenance of the weights file cannot be read.
    """
    config: dict[str, Any] = read_provenance(Path(weights_path))["data_config"]
    return config


def create_network(
    model: str, image_size: int | None = None, seed: int = 0, options: Mapping[str, Any] | None = None
) -> nn.Module:
    """Return an untrained timm model without classifier head, or the encoder of one of MONAI's 3D networks.

    Args:
        model: timm model name, with or without the tag of its weights; or ``monai:<Network>``.
        image_size: Height and width of the images in pixels; the model's own size when None. Of no meaning in 3D.
        seed: Seed of the initial weights. PyTorch's global generator is left as it was.
        options: For the constructor of a network of MONAI.

    Raises:
        WeightsError: timm does not know the model, or it cannot take this image size.
    """
    if is_monai(model):
        return build_network(model, options, seed)
    import timm
    import torch

    place = f"timm model {model}"
    check_model(model, place)
    config = timm.get_pretrained_cfg(model, allow_unregistered=True)
    fixed = config is not None and config.fixed_input_size
    options = {"img_size": image_size} if fixed and image_size is not None else {}
    # Only the CPU generator is forked and seeded: torch.manual_seed would also reseed every GPU.
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        try:
            network: nn.Module = timm.create_model(model, pretrained=False, num_classes=0, **options)
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            raise WeightsError(
                place,
                f"cannot be created for images of {image_size} px: {error}",
                "choose another `model` or image size",
            ) from error
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", None)
    if image_size is not None and patch is not None and image_size % patch[0]:
        lower = max(image_size // patch[0], 1) * patch[0]
        raise WeightsError(
            place,
            f"cuts images into patches of {patch[0]} px, and the image size {image_size} px is not a multiple of that",
            f"set image.size to {lower} or {lower + patch[0]}",
        )
    return network


def check_model(model: str, place: str, options: Mapping[str, Any] | None = None) -> None:
    """Ask timm whether it has a model; of MONAI's networks, whether it is one that sixgig builds.

    Args:
        model: timm model name, with or without the tag of its weights; or ``monai:<Network>``.
        place: What names it, for the error message: its entry of ``weights``.
        options: For the constructor of a network of MONAI.

    Raises:
        WeightsError: timm has no such network, or no weights of that tag for it.
    """
    if is_monai(model):
        check_network(model, options, place.removesuffix(".model"))
        return
    import timm

    if not timm.is_model(model):
        name = model.rpartition("/")[2].partition(".")[0].lower()
        near = difflib.get_close_matches(name, timm.list_models(), n=3) or timm.list_models("vit_base*")[:3]
        raise WeightsError(
            place, f"timm does not know the model {model}", f"correct `model`, for example {', '.join(near)}"
        )
    try:
        timm.get_pretrained_cfg(model, allow_unregistered=True)
    except RuntimeError:  # what timm raises for a tag that it does not have
        network, _, tag = model.partition(".")
        tags = timm.list_pretrained(f"{network}.*")
        begun = [name for name in tags if name.startswith(model)]
        near = begun[:3] or difflib.get_close_matches(model, tags, n=3, cutoff=0) or [network]
        raise WeightsError(
            place, f"timm has no weights {tag!r} of {network}", f"correct `model`, for example {', '.join(near)}"
        ) from None


def load_state(network: nn.Module, state: dict[str, Tensor], position_resampling: str, place: object) -> None:
    """Load a state dict into a network, resampling position embeddings to its grid, every name and shape checked.

    Args:
        network: The network from :func:`create_network`.
        state: Tensors under timm's names, with position embeddings at their native grid.
        position_resampling: :data:`BICUBIC` or :data:`TIMM`.
        place: The weights file, for the error message.

    Raises:
        WeightsError: Tensors are missing, unexpected or of another shape; the first of each are listed.
    """
    fitted = _fit_positions(network, state, position_resampling)
    target = network.state_dict()
    missing = [name for name in target if name not in fitted]
    unexpected = [name for name in fitted if name not in target]
    reshaped = [
        f"{name} is {list(fitted[name].shape)}, must be {list(target[name].shape)}"
        for name in target
        if name in fitted and fitted[name].shape != target[name].shape
    ]
    problems = [
        f"{len(names)} {kind} (first: {', '.join(names[:3])})"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped))
        if names
    ]
    if problems:
        raise WeightsError(
            place,
            f"the tensors do not fit the network {type(network).__name__}: {'; '.join(problems)}",
            "check that `model` and `converter` name the network that these weights belong to",
        )
    network.load_state_dict(fitted, strict=True)


def _fit_positions(network: nn.Module, state: dict[str, Tensor], method: str) -> dict[str, Tensor]:
    """Return the state dict with everything that depends on the image size brought to the network's size."""
    target = network.state_dict()
    if all(name not in state or state[name].shape == tensor.shape for name, tensor in target.items()):
        return state
    if method == BICUBIC and "pos_embed" in state and "pos_embed" in target:
        prefix = 0 if getattr(network, "no_embed_class", False) else int(getattr(network, "num_prefix_tokens", 1))
        rows, columns = getattr(network, "patch_embed").grid_size  # noqa: B009 (nn.Module has no such attribute to mypy)
        return state | {"pos_embed": resample_positions(state["pos_embed"], (rows, columns), prefix)}
    own = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if own is None:
        return state
    try:
        fitted: dict[str, Tensor] = own(dict(state), network)
    except (AssertionError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        return state  # timm cannot make sense of it: the strict check says which tensors do not fit
    return fitted


def resample_positions(positions: Tensor, grid: tuple[int, int], prefix_tokens: int) -> Tensor:
    """Resample position embeddings bicubically (coefficient -0.75, half-pixel centres) without antialiasing.

    This is what DINOv2 (Oquab et al. 2024, arXiv 2304.07193) does for another image size, addressed by output size as
    in its ONNX export. timm's own resampling antialiases and gives other tokens.

    Args:
        positions: [1, prefix_tokens + side * side, width].
        grid: Rows and columns of patches wanted.
        prefix_tokens: Tokens without a place in the grid (class, registers), kept as they are.

    Returns:
        [1, prefix_tokens + rows * columns, width].
    """
    import torch
    from torch.nn import functional

    prefix, patches = positions[:, :prefix_tokens], positions[:, prefix_tokens:]
    side = math.isqrt(patches.shape[1])
    if side * side != patches.shape[1]:
        return positions  # not a square grid: left to the strict check
    image = patches.float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    image = functional.interpolate(image, size=grid, mode="bicubic", align_corners=False, antialias=False)
    return torch.cat([prefix, image.permute(0, 2, 3, 1).flatten(1, 2).to(positions.dtype)], dim=1)
