"""The networks: a ViT encoder over tokens, and the two objectives built on it, MAE and SimMIM."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sixgig.errors import ArmError
from sixgig.mim.geometry import Geometry, Shape, patchify, unpatchify
from sixgig.mim.positions import sine_cosine
from sixgig.mim.standardising import standardised_images

#: As in timm's vision transformers, so that their weights give equal tokens.
NORM_EPS = 1e-6
#: PyTorch's own, which the published code has.
REFERENCE_EPS = 1e-5
#: First value of LayerScale for networks of up to 18 blocks (Touvron et al. 2021, CaiT, arXiv 2103.17239).
LAYER_SCALE = 0.1


class Output(NamedTuple):
    """What an objective computes.

    Attributes:
        loss: Mean absolute error over the voxels of masked patches, float32 scalar.
        predicted: Predicted voxels of the masked patches [n, m, patch_values], in the order of ``masked``.
    """

    loss: Tensor
    predicted: Tensor


class TokenEncoder(nn.Module):
    """A pre-norm ViT (Dosovitskiy et al. 2021) over the patches of crops with two or three spatial dimensions.

    The last LayerNorm is applied in pretraining and in encoding alike: features are what the objective trained. The
    published MIM-Med3D leaves it out of pretraining, so that its features pass a LayerNorm that was never trained; so
    does a ``reference`` shape.

    Args:
        geometry: Crop, patch and channels.
        shape: Sizes.
        mean: Per channel, subtracted from the voxels.
        std: Per channel, divides them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, geometry: Geometry, shape: Shape, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != geometry.channels or len(std) != geometry.channels:
            raise ValueError(f"{len(mean)} means and {len(std)} deviations for {geometry.channels} channels")
        self.geometry = geometry
        self.shape = shape
        self.checkpointing = False
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))
        self.patch_embedding = nn.Linear(geometry.patch_values, shape.width)
        self.prefix = nn.Parameter(torch.zeros(1, shape.prefix_tokens, shape.width)) if shape.prefix_tokens else None
        with_positions = geometry.tokens + (shape.prefix_tokens if shape.prefix_positions else 0)
        self.positions = nn.Parameter(torch.zeros(1, with_positions, shape.width))
        scale = LAYER_SCALE if shape.layer_scale else None
        self.blocks = _blocks(shape.width, shape.depth, shape.heads, shape.mlp_width, scale, _eps(shape))
        self.norm = nn.LayerNorm(shape.width, eps=_eps(shape))
        self.norm.requires_grad_(not shape.reference)

    @property
    def prefix_tokens(self) -> int:
        """Tokens before the patches: class token and registers."""
        return self.shape.prefix_tokens

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """Encode crops.

        Args:
            x: Voxels in [0, 1] (z-scores for volumes of a ``reference`` shape), [n, channels, *crop].
            visible: Indices of the only tokens that enter the network, int64 [n, v]; all of them when None.

        Returns:
            Tokens after the last LayerNorm, [n, prefix + v, width] or [n, prefix + tokens, width].
        """
        patches = patchify(x, self.geometry)
        if visible is not None:
            patches = select(patches, visible)
        return self.encode(self.embed(patches) + self.patch_positions(visible))

    def embed(self, patches: Tensor) -> Tensor:
        """Normalise patches [n, k, patch_values] of raw voxels, and embed them: [n, k, width] without positions."""
        n, k, _ = patches.shape
        values = patches.float().reshape(n, k, self.geometry.channels, -1)
        values = (values - self.mean.float()[:, None]) / self.std.float()[:, None]
        embedded: Tensor = self.patch_embedding(values.reshape(n, k, -1).to(self.patch_embedding.weight.dtype))
        return embedded

    def patch_positions(self, index: Tensor | None = None) -> Tensor:
        """Return positions of the patches at ``index`` int64 [n, k]: [n, k, width]; of all, [1, tokens, width]."""
        positions = self.positions[:, self.positions.shape[1] - self.geometry.tokens :]
        return positions if index is None else select(positions.expand(len(index), -1, -1), index)

    def encode(self, tokens: Tensor, pretraining: bool = False) -> Tensor:
        """Run embedded tokens with positions [n, k, width] through blocks and norm: [n, prefix + k, width].

        Args:
            tokens: As above.
            pretraining: Whether an objective trains on them: a ``reference`` shape then leaves the norm out.
        """
        if self.prefix is not None:
            prefix: Tensor = self.prefix
            if self.shape.prefix_positions:
                prefix = prefix + self.positions[:, : self.shape.prefix_tokens]
            tokens = torch.cat([prefix.expand(len(tokens), -1, -1), tokens], dim=1)
        encoded: Tensor = _run(self.blocks, tokens, self.checkpointing)
        return encoded if pretraining and self.shape.reference else self.norm(encoded)

    def target(self, x: Tensor) -> Tensor:
        """Return the values that are to be predicted, of the shape of x.

        They are x itself; with a ``reference`` shape, images become z-scores (volumes are, when they are read).
        """
        return standardised_images(x) if self.shape.reference and self.geometry.dimensions == 2 else x


class MaskedAutoencoder(nn.Module):
    """MAE (He et al. 2022, arXiv 2111.06377) as in MIM-Med3D: only visible tokens are encoded, a decoder fills in.

    Tokens keep the order "visible, then masked": attention and MLP treat tokens as a set, and the positions say
    where each belongs, so nothing has to be put back in order.
    """

    def __init__(self, encoder: TokenEncoder) -> None:
        super().__init__()
        shape, geometry = encoder.shape, encoder.geometry
        self.encoder = encoder
        self.checkpointing = False
        self.to_decoder = nn.Linear(shape.width, shape.decoder_width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, shape.decoder_width))
        self.decoder_positions = nn.Parameter(torch.zeros(1, geometry.tokens, shape.decoder_width))
        self.decoder_blocks = _blocks(
            shape.decoder_width, shape.decoder_depth, shape.decoder_heads, shape.decoder_mlp_width, None, _eps(shape)
        )
        self.decoder_norm = nn.LayerNorm(shape.decoder_width, eps=_eps(shape))
        self.head = nn.Linear(shape.decoder_width, geometry.patch_values)

    def forward(self, x: Tensor, visible: Tensor, masked: Tensor) -> Output:
        """Predict the masked patches of crops; see :func:`masked_loss`.

        Args:
            x: Voxels in [0, 1], [n, channels, *crop].
            visible: Indices of visible tokens, int64 [n, v].
            masked: Indices of masked tokens, int64 [n, m].
        """
        encoder, n = self.encoder, len(x)
        visible, masked = visible.to(x.device), masked.to(x.device)
        seen, target = _split(x, visible, masked, encoder)
        encoded = encoder.encode(encoder.embed(seen) + encoder.patch_positions(visible), pretraining=True)
        if encoder.shape.reference:
            encoded = encoded[:, encoder.prefix_tokens :]
        decoded = self.to_decoder(encoded)
        prefix, known = decoded[:, : -visible.shape[1]], decoded[:, -visible.shape[1] :]
        positions = self.decoder_positions.expand(n, -1, -1)
        known = known + select(positions, visible)
        hidden = self.mask_token + select(positions, masked)
        tokens = torch.cat([prefix.to(known.dtype), known, hidden], dim=1)
        tokens = _run(self.decoder_blocks, tokens, self.checkpointing)
        predicted = self.head(self.decoder_norm(tokens[:, -masked.shape[1] :]))
        return Output(masked_loss(predicted, target), predicted)


class SimMim(nn.Module):
    """SimMIM (Xie et al. 2022, arXiv 2111.09886): mask tokens for masked patches, all are encoded, one linear head."""

    def __init__(self, encoder: TokenEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.mask_token = nn.Parameter(torch.zeros(1, 1, encoder.shape.width))
        self.head = nn.Linear(encoder.shape.width, encoder.geometry.patch_values)

    def forward(self, x: Tensor, visible: Tensor, masked: Tensor) -> Output:
        """Predict the masked patches of crops; arguments as in :meth:`MaskedAutoencoder.forward`."""
        encoder = self.encoder
        visible, masked = visible.to(x.device), masked.to(x.device)
        seen, target = _split(x, visible, masked, encoder)
        known = encoder.embed(seen) + encoder.patch_positions(visible)
        hidden = self.mask_token + encoder.patch_positions(masked)
        encoded = encoder.encode(torch.cat([known, hidden], dim=1), pretraining=True)
        predicted = self.head(encoded[:, -masked.shape[1] :])
        return Output(masked_loss(predicted, target), predicted)


#: The objectives by their name in the config.
OBJECTIVES: dict[str, type[MaskedAutoencoder] | type[SimMim]] = {"mae": MaskedAutoencoder, "simmim": SimMim}


def build_network(
    objective: str, geometry: Geometry, shape: Shape, mean: Sequence[float], std: Sequence[float], seed: int
) -> MaskedAutoencoder | SimMim:
    """Return an untrained network.

    Linear layers start as in He et al. 2022 (Glorot uniform, biases 0), tokens and their own positions truncated normal
    with standard deviation 0.02, and positions of patches as sines and cosines (fixed in that paper, learned here):
    with random ones a short training spends its first steps on learning which patches are neighbours.

    Args:
        objective: ``mae`` or ``simmim``.
        geometry: Crop, patch and channels.
        shape: Sizes.
        mean: Per channel, subtracted from the voxels before the patch embedding.
        std: Per channel, divides them.
        seed: Equal seeds give equal weights. PyTorch's global generator is left as it was.

    Raises:
        ArmError: The objective is unknown, or crop, patch and sizes do not fit together.
    """
    if objective not in OBJECTIVES:
        raise ArmError("arms.vit_mim.objective", f"{objective!r} is unknown", f"choose {' or '.join(OBJECTIVES)}")
    geometry.check()
    shape.check()
    # Only the CPU generator is forked and seeded: torch.manual_seed would also reseed every GPU.
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        network = OBJECTIVES[objective](TokenEncoder(geometry, shape, mean, std))
        for module in network.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for name, parameter in network.named_parameters():
            kind = name.rsplit(".", 1)[-1]
            if kind in ("prefix", "positions", "mask_token", "decoder_positions"):
                nn.init.trunc_normal_(parameter, std=0.02)
            if kind in ("positions", "decoder_positions"):
                parameter.data[:, -geometry.tokens :] = sine_cosine(geometry.grid, parameter.shape[-1])
    return network


def set_gradient_checkpointing(network: nn.Module, on: bool) -> None:
    """Make every stack of blocks in the network keep only its blocks' inputs and recompute the rest, or keep all."""
    for module in network.modules():
        if isinstance(module, (TokenEncoder, MaskedAutoencoder)):
            module.checkpointing = on


def publish_norms(network: nn.Module) -> None:
    """Give every LayerNorm of a network the epsilon of the published code, such as of timm's network after training."""
    for module in network.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = REFERENCE_EPS


def reconstruct(network: MaskedAutoencoder | SimMim, x: Tensor, visible: Tensor, masked: Tensor) -> Tensor:
    """Return the target [n, channels, *crop], float32, with masked patches replaced by predictions; no gradients."""
    with torch.no_grad():
        predicted = network(x, visible, masked).predicted
        patches = patchify(network.encoder.target(x), network.encoder.geometry).float()
        index = masked.to(x.device)[..., None].expand(-1, -1, patches.shape[-1])
        return unpatchify(patches.scatter(1, index, predicted.float()), network.encoder.geometry)


def masked_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean absolute error, float32 also under autocast; the target is raw voxels (Chen et al. 2023)."""
    return (predicted.float() - target.float()).abs().mean()


def select(tokens: Tensor, index: Tensor) -> Tensor:
    """Return the tokens [n, k, width] at ``index`` int64 [n, k] of ``tokens`` [n, t, width]."""
    return tokens.gather(1, index.to(tokens.device)[..., None].expand(-1, -1, tokens.shape[-1]))


def _split(x: Tensor, visible: Tensor, masked: Tensor, encoder: TokenEncoder) -> tuple[Tensor, Tensor]:
    """Return the patches to see and those to predict; the whole crop's patches are freed before the network runs."""
    patches = patchify(x, encoder.geometry)
    target = encoder.target(x)
    wanted = patches if target is x else patchify(target, encoder.geometry)
    return select(patches, visible), select(wanted, masked)


def _eps(shape: Shape) -> float:
    return REFERENCE_EPS if shape.reference else NORM_EPS


def _blocks(width: int, depth: int, heads: int, mlp_width: int, layer_scale: float | None, eps: float) -> nn.ModuleList:
    # timm rounds width x ratio down: half a unit more survives any rounding of the quotient.
    ratio = (mlp_width + 0.5) / width
    own: dict[str, Any] = {} if eps == NORM_EPS else {"norm_layer": partial(nn.LayerNorm, eps=eps)}
    return nn.ModuleList(
        Block(width, heads, mlp_ratio=ratio, qkv_bias=True, init_values=layer_scale, **own) for _ in range(depth)
    )


def _run(blocks: nn.ModuleList, tokens: Tensor, checkpointing: bool) -> Tensor:
    for block in blocks:
        if checkpointing and torch.is_grad_enabled():
            # Nothing in a block is random, so generators need not be kept and restored.
            tokens = checkpoint(block, tokens, use_reentrant=False, preserve_rng_state=False)
        else:
            tokens = block(tokens)
    return tokens
