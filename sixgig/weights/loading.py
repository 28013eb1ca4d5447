"""Networks from weights files: create the timm model, fit the weights to the image size, load them strictly."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError
from sixgig.weights.agreement import set_gelu
from sixgig.weights.building import require_building
from sixgig.weights.monai_networks import build_network, check_network, is_monai
from sixgig.weights.positions import BICUBIC, DINOV2, OFFSET, TIMM, resample_positions
from sixgig.weights.storage import read_provenance, read_weights
from sixgig.weights.timm_filter import filter_of
from sixgig.weights.tokens import patch_side

if TYPE_CHECKING:
    from torch import Tensor, nn


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
    set_gelu(network, provenance.get("gelu"))
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
    sized = {"img_size": image_size} if fixed and image_size is not None else {}
    # Only the CPU generator is forked and seeded: torch.manual_seed would also reseed every GPU.
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        try:
            network: nn.Module = timm.create_model(model, pretrained=False, num_classes=0, **sized)
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            raise WeightsError(
                place,
                f"cannot be created for images of {image_size} px: {error}",
                "choose another `model` or image size",
            ) from error
    patch = patch_side(network)
    if image_size is not None and patch and image_size % patch:
        lower = max(image_size // patch, 1) * patch
        raise WeightsError(
            place,
            f"cuts images into patches of {patch} px, and the image size {image_size} px is not a multiple of that",
            f"set image.size to {lower} or {lower + patch}",
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
    if options:
        step = "remove it, or name a network of MONAI"
        raise WeightsError(
            f"{place.removesuffix('.model')}.options", f"is for MONAI's networks, and not for {model}", step
        )
    require_building()
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
        position_resampling: A rule of :mod:`sixgig.weights.positions`.
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
    if method in (BICUBIC, DINOV2) and "pos_embed" in state and "pos_embed" in target:
        prefix = 0 if getattr(network, "no_embed_class", False) else int(getattr(network, "num_prefix_tokens", 1))
        rows, columns = getattr(network, "patch_embed").grid_size  # noqa: B009 (nn.Module has no such attribute to mypy)
        offset = OFFSET if method == DINOV2 else None
        return state | {"pos_embed": resample_positions(state["pos_embed"], (rows, columns), prefix, offset)}
    return filter_of(network)(state) or state  # else the strict check says which tensors do not fit
