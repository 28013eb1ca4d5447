"""What a job has to compute and hold, in numbers that any machine divides by its own rates. Nothing imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_MIB = 1024 * 1024
#: Bytes of a number by the name of its type.
TYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
#: What the caching allocator and cuBLAS take beside tensors, in MiB: workspaces, rounding, gaps. An assumption.
ALLOCATOR_MB = 40.0
#: What the allocator reserves for what images of a pass hold. It keeps blocks of one size while the next layer wants
#: another, so gaps are left: with 23 networks on a card, 1.2 to 2.1 times as much was reserved as was held. At its
#: limit it gives gaps back and tries again: so not the largest of these.
_GAPS = 1.35
#: CUDA's context, outside torch and its limit, in MiB of the card.
CONTEXT_MB = 450.0


@dataclass(frozen=True)
class NetworkSize:
    """How large a network is, for images of one size.

    Attributes:
        parameters: Without a classifier's head.
        flops: Floating-point operations of one image forward; a multiply-add counts as two.
        live: Numbers that exist at once at the widest place of an inference pass, per image; where mixed precision
            keeps float32, a number counts as two.
        kept: Numbers that a training pass keeps for the way back, per image.
        features: Length of a feature.
        kind: ``transformer`` or ``convolution``: which rate of a machine counts.
        share: Of that rate; large dense convolutions reach more than small ones.
        width: Of a transformer's token.
        depth: Its blocks.
        heads: Its attention heads.
        mlp_width: Of its hidden layer.
        tokens: Its tokens per image, class and register tokens included.
        prefix_tokens: Class and register tokens.
        patch: Side of its patches.
        layer_scale: Whether blocks scale their branches.
        voxels: Voxels of the crop that operations and activations are counted for; 0 for networks of images.
    """

    parameters: float
    flops: float
    live: float
    kept: float
    features: int
    kind: str = "transformer"
    share: float = 1.0
    width: int = 0
    depth: int = 0
    heads: int = 1
    mlp_width: int = 0
    tokens: int = 0
    prefix_tokens: int = 0
    patch: int = 0
    layer_scale: bool = False
    voxels: int = 0


@dataclass(frozen=True)
class Amount:
    """How much a cohort holds.

    Attributes:
        subjects: Subjects.
        images: Images, rows of images.npy.
        volumes: Volumes, rows of volumes.npy; 0 when there are none.
        pretraining: Share of the subjects that arms may learn from.
        volumetric: Whether images are slices of volumes.
        image_size: Side of an image in pixels.
        volume_size: Voxels of a prepared volume along z, y, x.
        channels: Channels of a volume.
        partitions: Partitions of a volume.
        classes: Classes.
    """

    subjects: int
    images: int
    volumes: int = 0
    pretraining: float = 0.0
    volumetric: bool = False
    image_size: int = 224
    volume_size: tuple[int, ...] = ()
    channels: int = 3
    partitions: int = 4
    classes: int = 2


@dataclass(frozen=True)
class Work:
    """What a job computes with its network, and holds.

    Attributes:
        flops: Operations in all.
        passes: Passes through the network; each costs a card the start of its kernels.
        moved: Bytes that go through memory beside the products: those of an optimiser.
        streamed: Bytes of activations, written and read again: on a card they take time of their own, while the rates
            of a processor are measured with them.
        kind: ``transformer`` or ``convolution``.
        share: Of a machine's rate for a forward pass that this work reaches on a processor.
        host_seconds: Work of one core of the reference machine that no card takes over, in seconds.
        host_mb: Host memory beside torch's and the network's, in MiB.
        state_mb: What stays on the card whatever the batch, in MiB: weights, gradients, moments.
        item_mb: What an item of a pass takes there, in MiB.
        batch: Items of a pass that the study asks for.
        peaks: GPU memory in MiB by the items of a pass, where it does not grow evenly; in place of the two above.
        written_mb: What it writes, checkpoints included, in MiB.
        kept_mb: What stays on the disk, in MiB.
    """

    flops: float
    passes: float
    moved: float = 0.0
    streamed: float = 0.0
    kind: str = "transformer"
    share: float = 1.0
    host_seconds: float = 0.0
    host_mb: float = 0.0
    state_mb: float = 0.0
    item_mb: float = 0.0
    batch: int = 1
    peaks: Mapping[int, float] = field(default_factory=dict)
    written_mb: float = 0.0
    kept_mb: float = 0.0

    def vram_mb(self, batch: int) -> float:
        """Return the GPU memory that torch reserves at a batch size, in MiB."""
        return self.peaks.get(batch, self.state_mb + batch * self.item_mb + ALLOCATOR_MB)

    def batch_within(self, limit_mb: float) -> int:
        """Return the batch of the study, halved until it fits; 0 when not even one item does."""
        return largest_fitting(self.batch, self.vram_mb, limit_mb)


def encoding_memory(size: NetworkSize, image_size: int, dtype: str) -> tuple[float, float]:
    """Return what an inference pass holds on a card: MiB whatever the batch, and MiB per image.

    Weights stay in float32. Mixed precision makes 16-bit copies as it goes and keeps none in inference mode.

    Args:
        size: Of the network.
        image_size: Side of an image in pixels.
        dtype: ``float32``, or the type of mixed precision.
    """
    image = 3 * image_size**2 * (1 + 4)  # as bytes and in float32, while the network works
    return size.parameters * 4 / _MIB, _GAPS * (size.live * TYPE_BYTES[dtype] + image) / _MIB


def largest_fitting(batch: int, memory_mb: Callable[[int], float], limit_mb: float) -> int:
    """Return the largest of ``batch``, its half, its quarter, ... that fits; 0 when not even one item does.

    Args:
        batch: What the study asks for.
        memory_mb: Returns what a batch takes, in MiB.
        limit_mb: What there is.
    """
    while batch >= 1 and memory_mb(batch) > limit_mb:
        batch //= 2
    return batch


def transformer_flops(tokens: float, width: int, depth: int, mlp_width: int) -> float:
    """Return the operations of a forward pass of an item through a stack of blocks, attention included."""
    matrices = 4 * width**2 + 2 * width * mlp_width
    return depth * (2.0 * tokens * matrices + 4.0 * tokens**2 * width)
