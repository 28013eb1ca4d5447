"""What a network sees and how large it is: crops, patches, tokens and widths, for two and three spatial dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sixgig.errors import ArmError
from sixgig.mim.sliding import by

if TYPE_CHECKING:
    from torch import Tensor


class Geometry(NamedTuple):
    """What a network sees, and how it is cut.

    Attributes:
        crop: Voxels of the crop along each spatial dimension, such as (96, 96, 96), or (224, 224) for an image.
        patch: Voxels of a patch along the same dimensions.
        channels: Channels of the crop: modalities of a volume, or 3 for an image.
    """

    crop: tuple[int, ...]
    patch: tuple[int, ...]
    channels: int

    @property
    def dimensions(self) -> int:
        """Spatial dimensions, 2 or 3."""
        return len(self.crop)

    @property
    def grid(self) -> tuple[int, ...]:
        """Patches along each spatial dimension."""
        return tuple(size // side for size, side in zip(self.crop, self.patch, strict=True))

    @property
    def tokens(self) -> int:
        """Patches in a crop."""
        return math.prod(self.grid)

    @property
    def patch_values(self) -> int:
        """Numbers in a patch: its voxels, times the channels."""
        return math.prod(self.patch) * self.channels

    def check(self, place: str = "arms.vit_mim") -> None:
        """Refuse crops and patches that do not fit together.

        Args:
            place: Where crop and patch come from, for the message.

        Raises:
            ArmError: The patch does not divide the crop, or something is not a size; the nearest sizes that work
                are named.
        """
        if self.dimensions not in (2, 3) or len(self.patch) != self.dimensions:
            raise ArmError(
                place,
                f"a crop of {by(self.crop)} and a patch of {by(self.patch)} are not both 2D or both 3D",
                "give crop and patch one size per dimension: three for volumes, two for slices",
            )
        if min(*self.crop, *self.patch, self.channels) < 1:
            raise ArmError(
                place,
                f"a crop of {by(self.crop)} x {self.channels} channels, a patch of {by(self.patch)}: a size below 1",
                "give sizes of at least 1",
            )
        pairs = list(zip(self.crop, self.patch, strict=True))
        if any(size % side for size, side in pairs):
            lower = tuple(max(size // side, 1) * side for size, side in pairs)
            upper = tuple(-(-size // side) * side for size, side in pairs)
            nearest = " or ".join(by(sizes) for sizes in dict.fromkeys((lower, upper)))
            raise ArmError(
                place,
                f"a patch of {by(self.patch)} does not divide a crop of {by(self.crop)}",
                f"set the crop to {nearest}, or choose a patch that divides it",
            )
        if self.tokens < 2:
            raise ArmError(
                place,
                f"a patch of {by(self.patch)} covers the whole crop of {by(self.crop)}: nothing to mask",
                "choose a smaller patch",
            )


@dataclass(frozen=True)
class Shape:
    """Sizes of a network; the decoder's are those of MIM-Med3D and count only for MAE.

    Attributes:
        width: Width of a token.
        depth: Blocks of the encoder.
        heads: Attention heads of a block.
        mlp_width: Width of a block's hidden layer.
        layer_scale: Whether blocks scale their branches (DINOv2 does).
        class_token: Whether a class token goes before the patches.
        register_tokens: Register tokens after the class token.
        prefix_positions: Whether class and register tokens have positions of their own, as in most of timm's ViTs.
        reference: Whether it is the published network (MIM-Med3D): LayerNorms with an epsilon of 1e-5 (not 1e-6), the
            last one of the encoder not in pretraining, and no class or register tokens in the decoder.
        decoder_width: Width of a token in the decoder.
        decoder_depth: Blocks of the decoder.
        decoder_heads: Attention heads of a decoder block.
        decoder_mlp_width: Width of a decoder block's hidden layer.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_width: int = 3072
    layer_scale: bool = False
    class_token: bool = False
    register_tokens: int = 0
    prefix_positions: bool = False
    decoder_width: int = 512
    decoder_depth: int = 8
    decoder_heads: int = 8
    decoder_mlp_width: int = 2048
    reference: bool = False

    @property
    def prefix_tokens(self) -> int:
        """Tokens before the patches: class token and registers."""
        return int(self.class_token) + self.register_tokens

    def check(self, place: str = "arms.vit_mim") -> None:
        """Refuse sizes of which no network can be built.

        Raises:
            ArmError: A size is below 1, or heads do not divide their width.
        """
        for kind in ("", "decoder_"):
            sizes = {name: getattr(self, kind + name) for name in ("width", "depth", "heads", "mlp_width")}
            for name, size in sizes.items():
                if size < 1:
                    raise ArmError(f"{place}.{kind}{name}", f"{size} is below 1", "give a size of at least 1")
            width, heads = sizes["width"], sizes["heads"]
            if width % heads:
                lower = max(width // heads, 1) * heads
                raise ArmError(
                    f"{place}.{kind}heads",
                    f"{heads} heads do not divide a width of {width}",
                    f"set {kind}width to {lower} or {lower + heads}, or choose heads that divide it",
                )


def patchify(x: Tensor, geometry: Geometry) -> Tensor:
    """Cut crops into patches.

    Tokens follow the grid with the last dimension fastest; the values of a patch are ordered (channel, *voxel), as
    in the kernel of a convolution, so that a flattened kernel is the weight of the linear patch embedding.

    Args:
        x: [n, channels, *crop].
        geometry: Crop, patch and channels.

    Returns:
        [n, tokens, patch_values].

    Raises:
        ValueError: ``x`` is not a batch of such crops.
    """
    if tuple(x.shape[1:]) != (geometry.channels, *geometry.crop):
        raise ValueError(f"crops are {tuple(x.shape[1:])}, must be {(geometry.channels, *geometry.crop)}")
    split = [size for pair in zip(geometry.grid, geometry.patch, strict=True) for size in pair]
    cells = range(2, 2 + 2 * geometry.dimensions, 2)
    voxels = range(3, 3 + 2 * geometry.dimensions, 2)
    parts = x.reshape(x.shape[0], geometry.channels, *split)
    return parts.permute(0, *cells, 1, *voxels).reshape(x.shape[0], geometry.tokens, geometry.patch_values)


def unpatchify(patches: Tensor, geometry: Geometry) -> Tensor:
    """Put patches back together; the inverse of :func:`patchify`.

    Args:
        patches: [n, tokens, patch_values].
        geometry: Crop, patch and channels.

    Returns:
        [n, channels, *crop].

    Raises:
        ValueError: ``patches`` are not those of such crops.
    """
    if tuple(patches.shape[1:]) != (geometry.tokens, geometry.patch_values):
        raise ValueError(f"patches are {tuple(patches.shape[1:])}, must be {(geometry.tokens, geometry.patch_values)}")
    n, dimensions = patches.shape[0], geometry.dimensions
    parts = patches.reshape(n, *geometry.grid, geometry.channels, *geometry.patch)
    pairs = [axis for index in range(dimensions) for axis in (1 + index, 2 + dimensions + index)]
    return parts.permute(0, 1 + dimensions, *pairs).reshape(n, geometry.channels, *geometry.crop)
