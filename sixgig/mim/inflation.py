"""From a pretrained 2D ViT to the encoder: 3D by inflation, slices by copying; and from slices back to timm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from sixgig.errors import ArmError
from sixgig.mim.geometry import Geometry, Shape
from sixgig.mim.network import TokenEncoder
from sixgig.weights.positions import resample_positions

if TYPE_CHECKING:
    from timm.models.vision_transformer import VisionTransformer

_FAMILY = "choose a plain ViT of timm, such as vit_small_patch14_dinov2 or vit_base_patch16_224, or `init: scratch`"


class Source(NamedTuple):
    """What must be known about a 2D network besides its tensors.

    Attributes:
        shape: Its sizes.
        patch: Rows and columns of a patch, in pixels.
        grid: Rows and columns of patches.
        mean: Per RGB channel, subtracted from images in [0, 1].
        std: Per RGB channel, divides them.
    """

    shape: Shape
    patch: tuple[int, int]
    grid: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def source_of(network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> Source:
    """Describe a 2D backbone, preferably at the in-plane size of the crop, so that its positions need no resampling.

    Args:
        network: A timm model.
        mean: Per RGB channel, subtracted from images in [0, 1].
        std: Per RGB channel, divides them.

    Raises:
        ArmError: See :func:`shape_of`.
    """
    shape, vit = shape_of(network), cast(Any, network)
    rows, columns = vit.patch_embed.grid_size
    height, width = vit.patch_embed.patch_size
    return Source(shape, (int(height), int(width)), (int(rows), int(columns)), tuple(mean), tuple(std))


def shape_of(network: nn.Module) -> Shape:
    """Return the sizes of a 2D backbone that a :class:`TokenEncoder` computes exactly; the decoder's are the defaults.

    The network is compared, module by module, with a plain ViT of the same sizes: pre-norm blocks with one matrix for
    query, key and value, a two-layer MLP with exact GELU, one convolution as patch embedding, learned positions.

    Raises:
        ArmError: It is another kind of network; the first difference is named.
    """
    from timm.models.vision_transformer import VisionTransformer

    config = getattr(network, "pretrained_cfg", None) or {}
    place = f"backbone {config.get('architecture') or type(network).__name__}"
    if type(network) is not VisionTransformer:
        raise ArmError(place, f"it cannot be inflated: it is a {type(network).__name__}, not a plain ViT", _FAMILY)
    vit: Any = network  # PyTorch types the attributes of a module as tensors or modules
    block, width = vit.blocks[0], int(vit.embed_dim)
    shape = Shape(
        width=width,
        depth=len(vit.blocks),
        heads=int(getattr(getattr(block, "attn", None), "num_heads", 1)),
        mlp_width=int(getattr(getattr(getattr(block, "mlp", None), "fc1", None), "out_features", 4 * width)),
        layer_scale=not isinstance(getattr(block, "ls1", nn.Identity()), nn.Identity),
        class_token=vit.cls_token is not None,
        register_tokens=0 if vit.reg_token is None else int(vit.reg_token.shape[1]),
        prefix_positions=not vit.no_embed_class,
    )
    found, plain = _traits(network), _traits(_plain_network(vit, shape))
    for name in dict.fromkeys([*plain, *found]):
        if found.get(name) != plain.get(name):
            raise ArmError(
                place,
                f"it cannot be inflated: {name} is {found.get(name, 'absent')}, "
                f"and in a plain ViT {plain.get(name, 'absent')}",
                _FAMILY,
            )
    return shape


def inflated_state(state: Mapping[str, Tensor], source: Source, geometry: Geometry, shape: Shape) -> dict[str, Tensor]:
    """Turn the tensors of a 2D ViT into those of a :class:`TokenEncoder` for volumes or for slices.

    Blocks and the last LayerNorm are copied. A kernel of the patch embedding is divided by the patch's depth and
    repeated over it (Carreira and Zisserman 2017, arXiv 1705.07750), so that a volume which is constant in depth gets
    the image's tokens; where the patch differs in plane, the kernel is first resized by the pseudo-inverse of bicubic
    resizing (Beyer et al. 2023, FlexiViT, arXiv 2212.08013), which keeps the tokens of resized patches (exactly when
    they grow). Three channels are taken for RGB; any other number shares the kernel that RGB has for grey, with its
    normalisation, so that equal channels get the tokens of the grey image. Positions are resampled in plane (bicubic)
    and repeated over depth. With prefix tokens, a volume is not exactly its image, as more patches share the attention.

    Args:
        state: Tensors of the 2D network under timm's names.
        source: From :func:`source_of`.
        geometry: Crop, patch and channels; the last two dimensions are those of the image.
        shape: Sizes of the encoder: those of the source, with its class and register tokens or without.

    Returns:
        Every tensor of the encoder in float32, its normalisation included, for a strict ``load_state_dict``, which
        copies them. They must not be written to: those of the blocks are the 2D network's own.

    Raises:
        ArmError: The encoder has other sizes than the source, or tokens that the source lacks.
    """
    _check_sizes(source, shape)
    kernel, bias, mean, std = _kernel(state, source, geometry)
    inflated = {"mean": mean, "std": std, "patch_embedding.weight": kernel, "patch_embedding.bias": bias}
    positions, prefix = _positions(state, source, geometry, shape)
    inflated["positions"] = positions
    if prefix is not None:
        inflated["prefix"] = prefix
    copied = {name: state[name] for name in state if name.startswith(("blocks.", "norm."))}
    return {name: tensor.detach().float().cpu() for name, tensor in (inflated | copied).items()}


def timm_state(encoder: TokenEncoder) -> dict[str, Tensor]:
    """Return a slices-mode encoder under timm's names, for a timm ViT of the same sizes without classifier head.

    Raises:
        ValueError: The encoder is not for images of three channels.
    """
    geometry, shape = encoder.geometry, encoder.shape
    if geometry.dimensions != 2 or geometry.channels != 3:
        raise ValueError(f"timm has no network for {geometry.dimensions}D crops of {geometry.channels} channels")
    state = {name: tensor.detach() for name, tensor in encoder.state_dict().items()}
    named = {
        "patch_embed.proj.weight": state["patch_embedding.weight"].reshape(shape.width, 3, *geometry.patch),
        "patch_embed.proj.bias": state["patch_embedding.bias"],
        "pos_embed": state["positions"],
    }
    if shape.class_token:
        named["cls_token"] = state["prefix"][:, :1]
    if shape.register_tokens:
        named["reg_token"] = state["prefix"][:, int(shape.class_token) :]
    named |= {name: tensor for name, tensor in state.items() if name.startswith(("blocks.", "norm."))}
    return {name: tensor.clone() for name, tensor in named.items()}


def _plain_network(network: VisionTransformer, shape: Shape) -> VisionTransformer:
    """Return the plain ViT of the same sizes, without memory for its tensors."""
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        img_size=network.patch_embed.img_size,
        patch_size=network.patch_embed.patch_size,
        num_classes=0,
        global_pool="",
        fc_norm=False,
        embed_dim=shape.width,
        depth=shape.depth,
        num_heads=shape.heads,
        mlp_ratio=(shape.mlp_width + 0.5) / shape.width,
        init_values=1e-5 if shape.layer_scale else None,
        class_token=shape.class_token,
        reg_tokens=shape.register_tokens,
        no_embed_class=not shape.prefix_positions,
        device="meta",
    )


def _traits(network: nn.Module) -> dict[str, str]:
    """Return what every module and tensor of a network is, in words; the classifier head does not count."""
    traits = {}
    for name, module in network.named_modules():
        kind = type(module).__name__
        # timm's and PyTorch's LayerNorm and exact GELU compute the same; any other name stands for one class only.
        details = "" if kind == "GELU" and getattr(module, "approximate", "none") == "none" else module.extra_repr()
        scale = getattr(module, "scale", None)
        scale = f", scale {scale:.6g}" if isinstance(scale, float) else ""
        traits[name or "the network"] = f"{kind}({details}{scale})"
    traits |= {name: f"a tensor {list(tensor.shape)}" for name, tensor in network.state_dict().items()}
    return {name: trait for name, trait in traits.items() if name.split(".")[0] not in ("head", "head_drop")}


def _check_sizes(source: Source, shape: Shape) -> None:
    for name in ("width", "depth", "heads", "mlp_width", "layer_scale"):
        wanted, there = getattr(shape, name), getattr(source.shape, name)
        if wanted != there:
            raise ArmError(
                f"arms.vit_mim.{name}",
                f"{wanted}, and the 2D network that is to be inflated has {there}",
                f"set it to {there}, or start with `init: scratch`",
            )
    if (shape.class_token and not source.shape.class_token) or shape.register_tokens not in (
        0,
        source.shape.register_tokens,
    ):
        raise ArmError(
            "arms.vit_mim.init",
            f"the encoder has {shape.prefix_tokens} class and register tokens, and the 2D network that is to be "
            f"inflated has {source.shape.prefix_tokens}",
            "leave out the class token, or start with `init: scratch`",
        )


def _kernel(state: Mapping[str, Tensor], source: Source, geometry: Geometry) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return weight and bias of the linear patch embedding, and mean and std of the voxels, per channel."""
    from timm.layers import resample_patch_embed

    kernel, bias = state["patch_embed.proj.weight"].float(), state["patch_embed.proj.bias"].float()
    in_plane = geometry.patch[-2:]
    if in_plane != source.patch:
        kernel = resample_patch_embed(kernel, list(in_plane))
    mean, std = torch.tensor(source.mean), torch.tensor(source.std)
    if geometry.channels != 3:
        # Grey g in all of RGB gives sum_c K_c (g - mean_c) / std_c: one kernel, and what is constant in the bias.
        scaled = kernel / std[:, None, None]
        grey_mean, grey_std = mean.mean(), std.mean()
        bias = bias + (scaled * (grey_mean - mean)[:, None, None]).sum(dim=(1, 2, 3))
        kernel = (scaled.sum(dim=1, keepdim=True) * grey_std / geometry.channels).expand(-1, geometry.channels, -1, -1)
        mean, std = grey_mean.repeat(geometry.channels), grey_std.repeat(geometry.channels)
    depth = math.prod(geometry.patch[:-2])
    kernel = (kernel / depth)[:, :, None].expand(-1, -1, depth, -1, -1)
    return kernel.flatten(1), bias, mean, std


def _positions(
    state: Mapping[str, Tensor], source: Source, geometry: Geometry, shape: Shape
) -> tuple[Tensor, Tensor | None]:
    """Return the encoder's positions, and its class and register tokens if it has any."""
    from_class, registers = int(source.shape.class_token), source.shape.register_tokens
    positions = state["pos_embed"].float()
    split = source.shape.prefix_tokens if source.shape.prefix_positions else 0
    of_prefix, of_patches = positions[:, :split], positions[:, split:]
    in_plane = (geometry.grid[-2], geometry.grid[-1])
    if in_plane != source.grid:
        if source.grid[0] != source.grid[1]:
            raise ArmError(
                "arms.vit_mim.init",
                f"the 2D network's grid of {source.grid[0]} x {source.grid[1]} patches is not square: its positions "
                f"cannot be resampled to {in_plane[0]} x {in_plane[1]}",
                "give the 2D network square images",
            )
        of_patches = resample_positions(of_patches, in_plane, 0)
    of_patches = of_patches.repeat(1, math.prod(geometry.grid[:-2]), 1)
    if not shape.prefix_tokens:
        return of_patches, None
    tokens = [state[name].float() for name, there in (("cls_token", from_class), ("reg_token", registers)) if there]
    prefix = torch.cat(tokens, dim=1)
    kept = [*range(from_class)] * shape.class_token
    kept += range(from_class, from_class + registers) if shape.register_tokens else []
    prefix = prefix[:, kept]
    own = of_prefix[:, kept] if split else torch.zeros_like(prefix)
    if shape.prefix_positions:
        return torch.cat([own, of_patches], dim=1), prefix
    return of_patches, prefix + own
