"""How much memory and arithmetic a training step takes, from tensor sizes alone, before anything runs.

Every term is the size of tensors that exist together at the worst moment of a step: the end of the forward pass or the
start of the backward pass. Attention is the fused one, which keeps no attention matrix. Nothing here imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from sixgig.mim.geometry import Geometry, Shape
from sixgig.mim.masking import masked_count
from sixgig.mim.settings import Settings

_MIB = 1024 * 1024
_FLOAT32 = 4
#: Bytes of a number in the matrix products, by precision; everything else stays in float32 under autocast.
COMPUTE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
#: cuBLAS keeps a workspace of 8 MiB + 128 KiB for each of the two threads that call it: forward and backward.
CUBLAS_WORKSPACE = 2 * (2 * 4096 + 8 * 16) * 1024
#: What the caching allocator holds in excess of short-lived tensors: rounding to 2 MiB and gaps. An assumption.
ALLOCATOR_SHARE = 0.1


class Prediction(NamedTuple):
    """What one step takes.

    Attributes:
        memory_mb: Peak memory that torch reserves on the GPU, in MiB: the sum of ``parts``. The CUDA context (300 to
            500 MiB, outside torch and its limit) comes on top.
        flops_per_step: Floating-point operations of one forward and backward pass over a micro-batch, a multiply-add
            counted as two.
        parameters: Numbers that are trained.
        parts: MiB by name: ``weights``, ``gradients``, ``moments``, ``ema``, ``autocast_weights``, ``batch``,
            ``activations``, ``workspace``, ``allocator``.
    """

    memory_mb: float
    flops_per_step: float
    parameters: int
    parts: dict[str, float]


class _Stack(NamedTuple):
    """One stack of blocks and the tokens that pass it, per item."""

    depth: int
    tokens: int
    width: int
    heads: int
    mlp_width: int
    layer_scale: bool

    @property
    def matrices(self) -> int:
        """Weights in the matrices of a block: query, key and value; projection; two of the MLP."""
        return 4 * self.width**2 + 2 * self.width * self.mlp_width

    @property
    def linear(self) -> int:
        """Parameters of the linear layers of a block: those matrices and their biases."""
        return self.matrices + 5 * self.width + self.mlp_width

    @property
    def parameters(self) -> int:
        """Parameters of all blocks: matrices, biases, two LayerNorms and two LayerScales."""
        return self.depth * (self.linear + (6 if self.layer_scale else 4) * self.width)

    def flops(self, checkpointing: bool) -> float:
        """Operations of a forward and backward pass through all blocks, per item.

        A matrix takes one product forward and two backward; fused attention two (scores, mean of values) and five.
        Checkpointing computes the forward pass again, except for the last matrix, whose output only LayerScale needs.
        """
        matrices, product = 2.0 * self.tokens * self.matrices, 2.0 * self.tokens**2 * self.width
        again = matrices + 2 * product if checkpointing else 0.0
        if checkpointing and not self.layer_scale:
            again -= 2.0 * self.tokens * self.width * self.mlp_width
        return self.depth * (3 * matrices + 7 * product + again)

    def input_bytes(self) -> float:
        """Bytes of one block's input, per item: the residual stream, float32 also under autocast."""
        return float(self.tokens * self.width * _FLOAT32)

    def block_bytes(self, compute: int) -> float:
        """Bytes that one block keeps for its backward pass, per item.

        In float32: the inputs of both LayerNorms with mean and deviation, and the attention's log-sum-exp. In the
        compute type: the inputs of four linear layers (widths w, w, w, mlp), query, key and value (3 w), GELU's
        input (mlp); and with LayerScale the inputs of both (2 w). The attention's output is the projection's input.
        """
        scaled = 2 if self.layer_scale else 0
        residual = _FLOAT32 * (2 * self.width + 4 + self.heads)
        return float(self.tokens * (residual + compute * ((6 + scaled) * self.width + 2 * self.mlp_width)))

    def backward_bytes(self, compute: int) -> float:
        """Bytes of passing gradients through the widest part of a block, per item: of the residual and of the MLP.

        One gradient of the hidden layer: the second takes the place of the activation that is freed for it.
        """
        return float(self.tokens * (_FLOAT32 * self.width + compute * self.mlp_width))


class _Moment(NamedTuple):
    """What exists at one of the moments at which memory may peak, in bytes for the whole micro-batch."""

    gradients: float
    autocast_weights: float
    activations: float
    workspace: float


class _Step(NamedTuple):
    """A forward and backward pass of a micro-batch: the numbers that its moments are made of."""

    stacks: list[_Stack]
    head: int  # weights of the head's matrix
    parameters: int
    linear: int  # parameters of linear layers, which autocast copies
    outside: float  # bytes kept outside the blocks
    predicted: float  # voxels that are predicted
    micro_batch: int
    compute: int
    checkpointing: bool
    accumulation: bool

    @property
    def weights(self) -> float:
        """Bytes of the weights, and of their gradients."""
        return float(self.parameters * _FLOAT32)

    def moments(self) -> Iterator[_Moment]:
        """Yield the moments where memory may peak: the loss, both ends of each stack's way back, and the end."""
        copied = self.compute if self.compute < _FLOAT32 else 0
        matrix_gradient = _FLOAT32 + copied  # before it is added to the others: as computed, and in float32
        kept = []  # by the blocks of each stack
        for stack in self.stacks:
            one = stack.input_bytes() if self.checkpointing else stack.block_bytes(self.compute)
            kept.append(self.micro_batch * stack.depth * one)
        # At the loss: three float32 arrays besides the difference, forward (target, prediction, absolute value) as well
        # as backward (the mean's gradient, the sign, their product). Just after: gradients of prediction and head.
        at_head = self.predicted * self.compute + self.head * matrix_gradient
        passing = max(self.predicted * 3 * _FLOAT32, at_head)
        done = 0.0
        yield _Moment(self._gradients(done), float(self.linear * copied), self.outside + sum(kept), passing)
        outside = self.outside - self.predicted * _FLOAT32  # the difference at the loss is gone
        done += self.head * _FLOAT32
        for index, stack in reversed(list(enumerate(self.stacks))):
            block = self.micro_batch * stack.block_bytes(self.compute)
            passing = self.micro_batch * stack.backward_bytes(self.compute)
            passing += stack.width * stack.mlp_width * matrix_gradient
            one_block = float(stack.linear * copied)
            # With checkpointing the last block has just been computed again, with 16-bit weights of its own; those of
            # the other blocks are gone with autocast's cache.
            again = block - self.micro_batch * stack.input_bytes() if self.checkpointing else 0.0
            copies = one_block if self.checkpointing else float(self.linear * copied)
            yield _Moment(self._gradients(done), copies, outside + sum(kept[: index + 1]) + again, passing)
            done += stack.parameters * _FLOAT32
            yield _Moment(self._gradients(done), one_block, outside + sum(kept[:index]) + block, passing)
        yield _Moment(self.weights, 0.0, 0.0, 0.0)

    def _gradients(self, done: float) -> float:
        return self.weights if self.accumulation else done


def predict(geometry: Geometry, shape: Shape, settings: Settings) -> Prediction:
    """Predict peak memory and arithmetic of a training step.

    The parts: ``weights`` (float32 masters), ``gradients`` (float32), ``moments`` (AdamW's two), ``ema`` (a float32
    copy), ``autocast_weights`` (16-bit copies of matrices and biases, which autocast caches and the backward pass
    needs), ``batch`` (the crops and the predictions, held by the caller), ``activations`` (what autograd keeps),
    ``workspace`` (short-lived tensors, and cuBLAS's own), ``allocator`` (a tenth of the last four).

    Args:
        geometry: Crop, patch and channels.
        shape: Sizes of the network.
        settings: Objective, mask ratio, micro-batch, precision, checkpointing and moving average. When a step sums the
            gradients of several micro-batches, they exist during the forward pass too; else they take the place of the
            activations as these are freed.

    Raises:
        ArmError: Sizes do not fit together.
    """
    geometry.check()
    shape.check()
    compute, micro_batch = COMPUTE_BYTES[settings.precision], settings.micro_batch
    masked = masked_count(geometry.tokens, settings.mask_ratio, settings.reference)
    visible = geometry.tokens - masked
    stacks = _stacks(geometry, shape, settings.objective, visible)
    parameters, linear = _parameters(geometry, shape, stacks)
    predicted = float(micro_batch * masked * geometry.patch_values)
    step = _Step(
        stacks=stacks,
        head=stacks[-1].width * geometry.patch_values,
        parameters=parameters,
        linear=linear,
        outside=micro_batch * _kept_outside(geometry, stacks, visible, masked, compute),
        predicted=predicted,
        micro_batch=micro_batch,
        compute=compute,
        checkpointing=settings.gradient_checkpointing,
        accumulation=micro_batch < settings.batch_size,
    )
    worst, weights = max(step.moments(), key=sum), step.weights
    crops = float(micro_batch * math.prod(geometry.crop) * geometry.channels * _FLOAT32)
    parts = {
        "weights": weights,
        "gradients": worst.gradients,
        "moments": 2 * weights,
        "ema": weights if settings.ema else 0.0,
        "autocast_weights": worst.autocast_weights,
        "batch": crops + predicted * compute,
        "activations": worst.activations,
        "workspace": worst.workspace + CUBLAS_WORKSPACE,
    }
    short_lived = ("autocast_weights", "batch", "activations", "workspace")
    parts["allocator"] = ALLOCATOR_SHARE * sum(parts[name] for name in short_lived)
    flops = micro_batch * _flops(geometry, stacks, visible, masked, settings.gradient_checkpointing)
    in_mib = {name: size / _MIB for name, size in parts.items()}
    return Prediction(sum(in_mib.values()), flops, parameters, in_mib)


def _stacks(geometry: Geometry, shape: Shape, objective: str, visible: int) -> list[_Stack]:
    """Return the encoder, and for MAE the decoder."""
    through = shape.prefix_tokens + (visible if objective == "mae" else geometry.tokens)
    encoder = _Stack(shape.depth, through, shape.width, shape.heads, shape.mlp_width, shape.layer_scale)
    if objective == "simmim":
        return [encoder]
    decoder = _Stack(
        shape.decoder_depth,
        geometry.tokens + (0 if shape.reference else shape.prefix_tokens),
        shape.decoder_width,
        shape.decoder_heads,
        shape.decoder_mlp_width,
        False,
    )
    return [encoder, decoder]


def _parameters(geometry: Geometry, shape: Shape, stacks: list[_Stack]) -> tuple[int, int]:
    """Return how many parameters there are, and how many of them autocast copies: those of linear layers."""
    last = stacks[-1].width
    linear = sum(stack.depth * stack.linear for stack in stacks)
    linear += (geometry.patch_values + 1) * shape.width + (last + 1) * geometry.patch_values
    own_positions = shape.prefix_tokens if shape.prefix_positions else 0
    # Class and register tokens, positions, the mask token, and the LayerNorm after each stack.
    other = (shape.prefix_tokens + own_positions + geometry.tokens) * shape.width + last
    other += sum(2 * stack.width for stack in (stacks[1:] if shape.reference else stacks))
    if len(stacks) > 1:
        bridge = (shape.width + 1) * last
        linear, other = linear + bridge, other + geometry.tokens * last
    inside = sum(stack.parameters - stack.depth * stack.linear for stack in stacks)
    return linear + inside + other, linear


def _kept_outside(geometry: Geometry, stacks: list[_Stack], visible: int, masked: int, compute: int) -> float:
    """Return what is kept outside the blocks, in bytes per item.

    The inputs of patch embedding, decoder embedding and head, those of the LayerNorms after each stack, and the
    difference between prediction and target.
    """
    kept = float(visible * geometry.patch_values * compute + masked * stacks[-1].width * compute)
    kept += masked * geometry.patch_values * _FLOAT32
    kept += sum(stack.input_bytes() for stack in stacks)
    if len(stacks) > 1:
        kept += stacks[0].tokens * stacks[0].width * compute
    return kept


def _flops(geometry: Geometry, stacks: list[_Stack], visible: int, masked: int, checkpointing: bool) -> float:
    """Return the operations of a forward and backward pass, per item."""
    # The patch embedding needs no gradient of its input: two products instead of three.
    total = 2 * 2.0 * visible * geometry.patch_values * stacks[0].width
    total += 3 * 2.0 * masked * stacks[-1].width * geometry.patch_values
    if len(stacks) > 1:
        total += 3 * 2.0 * stacks[0].tokens * stacks[0].width * stacks[-1].width
    return total + sum(stack.flops(checkpointing) for stack in stacks)
