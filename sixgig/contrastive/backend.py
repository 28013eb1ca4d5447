"""What a backend does: one training step on a batch, with the exact gradient of the whole batch in little memory.

The contrastive losses compare all images of a batch, so a batch cannot simply be cut into parts whose gradients are
added. This module cuts it by the gradient cache of Gao et al. 2021 (arXiv 2101.06983): embed every part without
gradients, take the loss and its gradient at all embeddings, then pull that gradient back through each part in turn.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple, Union

import numpy as np

from sixgig.contrastive.pairs import Terms
from sixgig.contrastive.regions import REGION_SIDE, REGION_VECTOR
from sixgig.contrastive.settings import Settings
from sixgig.errors import NotFiniteError, TrainingError

GLOBAL, LOCAL = "global", "local"

#: Adam's coefficients (Kingma and Ba 2015, arXiv 1412.6980), in both backends.
ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}

_HIDDEN_GLOBAL, _EMBEDDING_GLOBAL = 1024, 128
_HIDDEN_LOCAL, _EMBEDDING_LOCAL = 256, 64
_SCALE_FILE = "loss_scale.json"


class LocalTarget(NamedTuple):
    """What the local loss needs to know about a batch [view 1 (B) | view 2 (B)].

    Attributes:
        n_images: 2B.
    """

    n_images: int


Target = Union[Terms, LocalTarget]


class OutOfMemoryError(TrainingError):
    """The GPU has too little memory for this many images at a time."""


class LossScale:
    """Dynamic loss scale of float16 training (Micikevicius et al. 2018, arXiv 1710.03740).

    Small gradients vanish in float16, so they are computed times a power of two. A gradient that overflows is left
    out and the scale halved; after many good steps it doubles.

    Args:
        dynamic: Without it the scale stays 1, and no step may be left out.

    Attributes:
        value: The scale.
    """

    FIRST, LARGEST, GROWTH_STEPS, MOST_SKIPS = 2.0**15, 2.0**24, 2000, 20

    def __init__(self, dynamic: bool) -> None:
        self.dynamic = dynamic
        self.value = self.FIRST if dynamic else 1.0
        self._good = 0
        self._skipped = 0

    def applied(self) -> None:
        """Note a step whose gradient was finite."""
        self._skipped = 0
        self._good += 1
        if self.dynamic and self._good >= self.GROWTH_STEPS:
            self.value, self._good = min(2 * self.value, self.LARGEST), 0

    def overflowed(self) -> None:
        """Note a step whose gradient was not finite.

        Raises:
            NotFiniteError: The scale is not dynamic, or too many steps in a row were left out.
        """
        self._good = 0
        self._skipped += 1
        if not self.dynamic:
            raise _not_finite("the gradient is infinite or not a number")
        if self._skipped >= self.MOST_SKIPS:
            raise _not_finite(f"the float16 gradient overflowed {self._skipped} times in a row")
        self.value = max(self.value / 2, 1.0)

    def save(self, folder: Path) -> None:
        """Write the state into a checkpoint."""
        state = {"value": self.value, "good": self._good, "skipped": self._skipped}
        (folder / _SCALE_FILE).write_text(json.dumps(state), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        """Read the state back from a checkpoint. A training that fell back to float32 does not use it."""
        if not self.dynamic:
            return
        state = json.loads((folder / _SCALE_FILE).read_text(encoding="utf-8"))
        # A checkpoint of a float32 training holds the scale 1.
        self.value = float(state["value"]) if state["value"] > 1 else self.FIRST
        self._good, self._skipped = int(state["good"]), int(state["skipped"])


class Backend(ABC):
    """A network with its optimiser. Batches and what comes out are NumPy arrays.

    Images are float32 [n, height, width, 3], normalised. Every gradient has the name of its array in timm; those of the
    projection heads are named as in :func:`initial_heads`. Dropout is off.

    Args:
        settings: ``micro_batch_size`` and what the subclass needs.
        device: ``cpu`` or ``cuda``.
        dtype: ``float32``, ``float16`` or ``bfloat16``, what is computed in.

    Attributes:
        name: Name of the framework, as in the config.
        version: Version of the framework.
        device: As given.
        dtype: As given.
        fallbacks: What was asked for and is not available, in words.
    """

    name: str
    version: str

    def __init__(self, settings: Settings, device: str, dtype: str) -> None:
        self.device, self.dtype = device, dtype
        self.fallbacks: list[str] = []
        self._settings = settings
        self._scale = LossScale(dynamic=dtype == "float16")

    def step(self, images: np.ndarray, target: Target, learning_rate: float) -> float:
        """Train on one batch.

        With float16 a gradient that overflows changes nothing but the loss scale.

        Args:
            images: The whole batch.
            target: Which of its images are compared.
            learning_rate: Adam's, for this step.

        Returns:
            The loss before the step.

        Raises:
            NotFiniteError: The loss or the gradient is not finite. The weights are as before the step.
        """
        loss = self._accumulate(images, target)
        if not np.isfinite(loss):
            raise _not_finite(f"the loss is {loss}")
        if self._gradient_is_finite():
            self._update(learning_rate)
            self._scale.applied()
        else:
            self._scale.overflowed()
        return loss

    def loss(self, images: np.ndarray, target: Target) -> float:
        """Return the loss of a batch; nothing is trained."""
        return self._loss_gradient(self._embed_parts(images, stage_of(target)), target)[0]

    def gradients(self, images: np.ndarray, target: Target) -> tuple[float, dict[str, np.ndarray]]:
        """Return the loss of a batch and its gradient by name, for every array that is trained; nothing is trained."""
        loss = self._accumulate(images, target)
        return loss, {name: value / self._scale.value for name, value in self._gradient(stage_of(target)).items()}

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the features float32 [n, d] that the settings' ``token`` names."""
        return np.concatenate([self._features(images[part]) for part in self._parts(len(images))])

    @abstractmethod
    def start_stage(self, stage: str) -> None:
        """Begin ``global`` or ``local`` training: the optimiser starts anew, the weights stay."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write everything that training changes into a folder."""

    @abstractmethod
    def restore(self, folder: Path) -> None:
        """Read back what :meth:`save` wrote.

        Raises:
            TrainingError: The folder does not hold this training.
        """

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Return every array of the ViT by its name in timm, float32, frozen ones too; no projection heads."""

    def close(self) -> None:  # noqa: B027 (most backends hold nothing)
        """Free what the backend holds outside Python's memory."""

    @abstractmethod
    def _embed(self, images: np.ndarray, stage: str) -> np.ndarray:
        """Return the embeddings [n, 128] or, local, [n, patches, 64] ([n, regions, 128] with ``reference_regions``).

        Nothing is kept for a gradient.
        """

    @abstractmethod
    def _loss_gradient(self, embeddings: np.ndarray, target: Target) -> tuple[float, np.ndarray]:
        """Return the loss of a whole batch of embeddings, and its gradient at them."""

    @abstractmethod
    def _pull_back(self, images: np.ndarray, stage: str, gradient: np.ndarray, first: bool) -> None:
        """Add the gradient through some images, given the one at their embeddings; the first replaces the sum."""

    @abstractmethod
    def _accumulate_whole(self, images: np.ndarray, target: Target, scale: float) -> float:
        """Replace the gradient sum by ``scale`` times that of a whole batch, in one pass; return the loss."""

    @abstractmethod
    def _gradient(self, stage: str) -> dict[str, np.ndarray]:
        """Return the gradient sum by name."""

    @abstractmethod
    def _gradient_is_finite(self) -> bool:
        """Whether every number of the gradient sum is finite."""

    @abstractmethod
    def _update(self, learning_rate: float) -> None:
        """Take one step of Adam with the gradient sum divided by the loss scale."""

    @abstractmethod
    def _features(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images that fit in memory together."""

    def _accumulate(self, images: np.ndarray, target: Target) -> float:
        parts = list(self._parts(len(images)))
        if len(parts) == 1:
            return self._accumulate_whole(images, target, self._scale.value)
        stage = stage_of(target)
        loss, gradient = self._loss_gradient(self._embed_parts(images, stage), target)
        for part in parts:
            self._pull_back(images[part], stage, gradient[part] * np.float32(self._scale.value), part.start == 0)
        return loss

    def _embed_parts(self, images: np.ndarray, stage: str) -> np.ndarray:
        return np.concatenate([self._embed(images[part], stage) for part in self._parts(len(images))])

    def _parts(self, n_images: int) -> Iterator[slice]:
        size = self._settings.micro_batch_size or n_images
        for start in range(0, n_images, size):
            yield slice(start, min(start + size, n_images))


def initial_heads(
    feature_width: int, token_width: int, seed: int, reference_regions: bool = False
) -> dict[str, np.ndarray]:
    """Draw the projection heads, equal in every backend and on every machine.

    g1 (``global_head``) maps a feature to 1024, ReLU, 128, as in Chaitanya et al. 2020; g2 (``local_head``) a patch
    token to 256, ReLU, 64. No biases. Glorot uniform (Glorot and Bengio 2010).

    With ``reference_regions``, g2 keeps the width of a token in both of its layers, and a third layer maps the 9 tokens
    of a region, flattened, to 128, as in the published code. (Its batch norm after the first layer is left out: with
    it, an image's gradient would depend on how a batch is cut into micro-batches.)

    Args:
        feature_width: Width of a feature.
        token_width: Width of a token.
        seed: The study's seed.
        reference_regions: Whether the local stage is as published.

    Returns:
        float32 [out, in] by name.
    """
    random_state = np.random.RandomState(seed)
    shapes = {
        "global_head.0.weight": (_HIDDEN_GLOBAL, feature_width),
        "global_head.1.weight": (_EMBEDDING_GLOBAL, _HIDDEN_GLOBAL),
        "local_head.0.weight": (_HIDDEN_LOCAL, token_width),
        "local_head.1.weight": (_EMBEDDING_LOCAL, _HIDDEN_LOCAL),
    }
    if reference_regions:
        shapes["local_head.0.weight"] = shapes["local_head.1.weight"] = (token_width, token_width)
        shapes["local_head.2.weight"] = (REGION_VECTOR, REGION_SIDE**2 * token_width)
    heads = {}
    for name, shape in shapes.items():
        limit = np.sqrt(6.0 / sum(shape))
        heads[name] = random_state.uniform(-limit, limit, shape).astype(np.float32)
    return heads


def trains(name: str, stage: str, reference_regions: bool = False) -> bool:
    """Whether an array that is not frozen is trained in a stage: all but the other stage's projection head.

    With ``reference_regions``, the local stage trains its head alone: the published code trains its decoder and g2 on
    an encoder that stays as it is, and a ViT has no decoder.
    """
    if reference_regions and stage == LOCAL:
        return name.startswith(f"{LOCAL}_head.")
    return not name.startswith(f"{LOCAL if stage == GLOBAL else GLOBAL}_head.")


def check_restored(wanted: Mapping[str, Any], found: Mapping[str, Any], folder: Path) -> None:
    """Compare the names and shapes of a checkpoint's arrays with those of the training.

    Raises:
        TrainingError: They differ.
    """
    shapes = [{(name, tuple(array.shape)) for name, array in arrays.items()} for arrays in (wanted, found)]
    differ = sorted({name for name, _ in shapes[0] ^ shapes[1]})
    if differ:
        reason = f"the checkpoint is of another training: {len(differ)} arrays differ (first: {differ[0]})"
        raise TrainingError(folder, reason, "remove the checkpoint folder, then run again")


def stage_of(target: Target) -> str:
    """Return the stage that a target belongs to."""
    return LOCAL if isinstance(target, LocalTarget) else GLOBAL


def _not_finite(reason: str) -> NotFiniteError:
    return NotFiniteError(
        "training", reason, "lower the learning rate (or lengthen the warm-up), or set the precision to float32"
    )
