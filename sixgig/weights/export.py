"""A plain ViT out of timm as NumPy arrays and architecture facts, for the contrastive arm's graph, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sixgig.errors import ArmError
from sixgig.training.arrays import misfits, parameter_shapes

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

#: What :func:`export_vit` takes, for error messages.
FAMILY = (
    "a timm backbone of the plain family vit_*_patch* (DINOv2 and registers included), such as "
    "vit_small_patch14_dinov2 or vit_base_patch16_224"
)


def export_vit(
    network: Any, mean: Sequence[float], std: Sequence[float]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and the architecture of a plain ViT.

    Args:
        network: A timm model, at the image size of the study.
        mean: Per channel, subtracted from images in [0, 1].
        std: Per channel, divides them.

    Returns:
        float32 arrays under timm's names, without the classifier head; and the facts: model, image_size, patch_size,
        grid (rows, columns), width, depth, heads, mlp_width, class_token, register_tokens, position_prefix (positions
        have rows for the tokens before the patches), layer_scale, qkv_bias, norm_eps, mean, std.

    Raises:
        ArmError: The network is outside the plain family; its first trait that is not supported is named.
    """
    model = _model_name(network)
    require_plain(network)
    attention, block = network.blocks[0].attn, network.blocks[0]
    facts = {
        "model": model,
        "image_size": int(network.patch_embed.img_size[0]),
        "patch_size": int(network.patch_embed.patch_size[0]),
        "grid": [int(side) for side in network.patch_embed.grid_size],
        "width": int(network.embed_dim),
        "depth": len(network.blocks),
        "heads": int(attention.num_heads),
        "mlp_width": int(block.mlp.fc1.out_features),
        "class_token": network.cls_token is not None,
        "register_tokens": 0 if network.reg_token is None else int(network.reg_token.shape[1]),
        "position_prefix": not network.no_embed_class,
        "layer_scale": _has_layer_scale(block),
        "qkv_bias": attention.qkv.bias is not None,
        "norm_eps": float(network.norm.eps),
        "mean": [float(value) for value in mean],
        "std": [float(value) for value in std],
    }
    arrays = _arrays(network)
    problems = misfits(parameter_shapes(facts), arrays)
    if problems:
        raise ArmError(
            f"backbone {model}",
            f"the contrastive arm's TensorFlow graph does not support its parameters: {problems}",
            f"choose {FAMILY}",
        )
    return arrays, facts


def require_plain(network: Any) -> None:
    """Refuse a network outside the plain family, by its modules; its values may be on the meta device.

    Args:
        network: A timm model.

    Raises:
        ArmError: Its first trait that is not supported is named.
    """
    for trait in _unsupported(network):
        raise ArmError(
            f"backbone {_model_name(network)}",
            f"the contrastive arm's TensorFlow graph does not support it: {trait}",
            f"choose {FAMILY}",
        )


def import_vit(network: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Load arrays, such as trained ones, back into the network they were exported from; the head stays as it is.

    Args:
        network: The timm model.
        arrays: Arrays under timm's names.

    Raises:
        ArmError: An array is missing, unexpected, of another shape or not finite; the first of each are named.
    """
    import numpy as np
    import torch

    problems = misfits({name: array.shape for name, array in _arrays(network).items()}, arrays)
    if not problems:
        broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
        problems = f"{broken[0]} holds values that are not finite" if broken else ""
    if problems:
        raise ArmError(
            f"backbone {_model_name(network)}",
            f"the trained arrays do not fit it: {problems}",
            "delete the arrays and run the contrastive arm again",
        )
    with torch.no_grad():
        for name, parameter in network.state_dict().items():
            if name in arrays:
                parameter.copy_(torch.from_numpy(arrays[name]))


def _model_name(network: Any) -> str:
    config = getattr(network, "pretrained_cfg", None) or {}
    return str(config.get("architecture") or type(network).__name__)


def _arrays(network: Any) -> dict[str, np.ndarray]:
    """Return copies of every parameter and buffer except those of the classifier head."""
    state = network.state_dict()
    return {
        name: tensor.detach().float().cpu().numpy().copy()
        for name, tensor in state.items()
        if not name.startswith("head.")
    }


def _has_layer_scale(block: Any) -> bool:
    from timm.layers import LayerScale

    return type(block.ls1) is LayerScale


def _unsupported(network: Any) -> Iterator[str]:
    """Yield, in words, what the graph cannot do; modules are inspected, not the model's name."""
    from timm.models.vision_transformer import VisionTransformer

    if type(network) is not VisionTransformer:
        yield f"it is a {type(network).__name__}, not a VisionTransformer"
        return  # what follows looks at a VisionTransformer's attributes
    yield from _unsupported_embedding(network)
    yield from _unsupported_ends(network)
    for index, block in enumerate(network.blocks):
        for trait in _unsupported_block(block, network):
            yield f"block {index} has {trait}"
    yield from _unsupported_mixture(network)


def _unsupported_embedding(network: Any) -> Iterator[str]:
    from timm.layers import PatchEmbed
    from torch import nn

    patch_embed = network.patch_embed
    if type(patch_embed) is not PatchEmbed or type(patch_embed.proj) is not nn.Conv2d:
        yield f"patches are embedded by a {type(patch_embed).__name__}, not by one convolution"
        return
    if not isinstance(patch_embed.norm, nn.Identity):
        yield "a normalisation of the patch embedding"
    if network.dynamic_img_size:
        yield "positions that are resampled in every forward pass (dynamic_img_size)"
    if network.pos_embed is None:
        yield "no learned absolute positions"
    if len(set(patch_embed.img_size)) > 1 or len(set(patch_embed.patch_size)) > 1:
        yield "images or patches that are not square"
    if patch_embed.proj.in_channels != 3:
        yield f"images of {patch_embed.proj.in_channels} channels"
    if not isinstance(network.norm_pre, nn.Identity):
        yield "a normalisation before the first block (norm_pre)"
    if patch_embed.proj.bias is None:
        yield "a patch embedding without bias"


def _unsupported_ends(network: Any) -> Iterator[str]:
    from torch import nn

    if network.attn_pool is not None:
        yield "attention pooling (attn_pool)"
    if not isinstance(network.fc_norm, nn.Identity):
        yield "a normalisation after pooling (fc_norm) in place of the last one"
    if not _is_layer_norm(network.norm):
        yield f"{type(network.norm).__name__} in place of the last LayerNorm"


def _unsupported_block(block: Any, network: Any) -> Iterator[str]:
    from timm.layers import Attention, LayerScale, Mlp
    from timm.models.vision_transformer import Block
    from torch import nn

    if type(block) is not Block:
        yield f"another structure ({type(block).__name__})"
        return
    if type(block.attn) is not Attention:
        yield f"another attention ({type(block.attn).__name__})"
        return
    if type(block.mlp) is not Mlp or type(block.mlp.fc1) is not nn.Linear:
        yield f"another MLP ({type(block.mlp).__name__})"
        return
    attention, mlp = block.attn, block.mlp
    checks: Sequence[tuple[bool, str]] = (
        (_is_layer_norm(block.norm1) and _is_layer_norm(block.norm2), f"{type(block.norm1).__name__} as normalisation"),
        (
            isinstance(attention.q_norm, nn.Identity) and isinstance(attention.k_norm, nn.Identity),
            "normalised queries and keys (qk_norm)",
        ),
        (isinstance(attention.norm, nn.Identity), "a normalisation inside the attention (scale_attn_norm)"),
        (isinstance(mlp.norm, nn.Identity), "a normalisation inside the MLP (scale_mlp_norm)"),
        (getattr(attention, "gate", None) is None, "gated attention"),
        (attention.num_heads * attention.head_dim == network.embed_dim, "heads that do not add up to the width"),
        (attention.scale == attention.head_dim**-0.5, f"attention scaled by {attention.scale}"),
        (_is_exact_gelu(mlp.act), f"the activation {type(mlp.act).__name__}, not exact GELU"),
        (
            all(layer.bias is not None for layer in (attention.proj, mlp.fc1, mlp.fc2)),
            "linear layers without bias (proj_bias)",
        ),
        (all(type(scale) in (LayerScale, nn.Identity) for scale in (block.ls1, block.ls2)), "another LayerScale"),
    )
    yield from (trait for fits, trait in checks if not fits)


def _unsupported_mixture(network: Any) -> Iterator[str]:
    """Yield what differs between blocks that must be alike."""
    norms = [norm for block in network.blocks for norm in (block.norm1, block.norm2)]
    same: Sequence[tuple[str, Callable[[Any], Any]]] = (
        ("heads", lambda block: block.attn.num_heads),
        ("MLP widths", lambda block: block.mlp.fc1.out_features),
        ("biases of query, key and value", lambda block: block.attn.qkv.bias is None),
        ("LayerScale", _has_layer_scale),
    )
    for what, look in same:
        if len({look(block) for block in network.blocks}) > 1:
            yield f"{what} that differ between blocks"
    if len({norm.eps for norm in [*norms, network.norm]}) > 1:
        yield "LayerNorms with different eps"


def _is_layer_norm(module: nn.Module) -> bool:
    from torch import nn

    return isinstance(module, nn.LayerNorm) and module.weight is not None and module.bias is not None


def _is_exact_gelu(module: nn.Module) -> bool:
    from timm.layers import GELU
    from torch import nn

    return type(module) is GELU or (type(module) is nn.GELU and module.approximate == "none")
