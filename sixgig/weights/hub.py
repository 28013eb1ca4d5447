"""timm's own download from the model hub. ``HF_HOME`` and the hub's other environment variables apply."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor


def download_state_dict(model: str, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the pretrained tensors of a timm model, from the hub's cache or from the hub.

    Args:
        model: timm model name, best with the tag of its weights.
        name: Name of the weights in the study file, for the error message.

    Returns:
        The state dict without classifier head, at the model's own image size; and where it came from: ``repository``,
        and ``revision`` and ``sha256`` of the cached file where the cache records them.

    Raises:
        WeightsError: timm does not know the model, it has no pretrained weights, or they cannot be downloaded.
    """
    import timm
    import torch

    from sixgig.weights.loading import create_network

    place = f"weights.{name} (timm model {model})"
    config: Any = getattr(create_network(model), "pretrained_cfg", {})
    repository = config.get("hf_hub_id") or config.get("url") or ""
    if not repository:
        raise WeightsError(place, "timm has no pretrained weights for this model", "choose another `model` or `source`")
    try:
        with torch.random.fork_rng(devices=[]):
            network = timm.create_model(model, pretrained=True, num_classes=0)
    except Exception as error:  # the libraries below raise a dozen unrelated types when a download fails
        reason = (str(error).splitlines() or [""])[0]
        raise WeightsError(
            place,
            f"the pretrained weights cannot be downloaded: {type(error).__name__}: {reason}",
            f"connect to the network and run again (they are then kept in HF_HOME); or download the weights file of "
            f"{repository} on another computer and set `source: {{file: {{path: ..., sha256: ...}}}}` and "
            f"`converter: timm` for weights.{name} in the study file; or set HF_HOME to a folder that holds them "
            f"(now {os.environ.get('HF_HOME', 'not set')})",
        ) from error
    return dict(network.state_dict()), {"repository": repository, **_cached_file(repository)}


def _cached_file(repository: str) -> dict[str, str]:
    """Return revision and sha256 of the file in the hub's cache that timm has just read."""
    from huggingface_hub import try_to_load_from_cache

    from sixgig.runtime.digests import file_sha256

    identity, _, revision = repository.partition("@")
    for filename in ("model.safetensors", "pytorch_model.bin"):  # timm's order of preference
        try:
            path = try_to_load_from_cache(identity, filename, revision=revision or None)
        except ValueError:  # not a repository name: the weights came from a plain web address
            return {}
        if isinstance(path, str):
            return {"revision": os.path.basename(os.path.dirname(path)), "sha256": file_sha256(path)}
    return {}
