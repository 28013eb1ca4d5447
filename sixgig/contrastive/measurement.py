"""Batches of a training, ready to compute on, and what is measured on evaluation subjects before and after it."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from sixgig.contrastive.augmentation import prepare_batch
from sixgig.contrastive.backend import GLOBAL, LOCAL, Backend, LocalTarget, Target
from sixgig.contrastive.evidence import choose_evidence, nearest_partition_accuracy, view_accuracy
from sixgig.contrastive.pairs import global_terms, random_terms
from sixgig.contrastive.sampling import Batch, Pool, Sampler
from sixgig.contrastive.settings import Settings
from sixgig.errors import TrainingError

_FEATURE_CHUNK = 16  # images whose features are computed together when the micro-batch is not limited


class TrainingData(NamedTuple):
    """What is trained and measured on.

    Attributes:
        images: uint8 [n, H, W, 3], may be memory-mapped.
        pretraining: Images that may be learned from.
        evaluation: Images of other subjects, for measuring only.
        mean: Per channel, subtracted from images in [0, 1].
        std: Per channel, divides them.
    """

    images: np.ndarray
    pretraining: Pool
    evaluation: Pool
    mean: Sequence[float]
    std: Sequence[float]


class Measure:
    """Measures loss and features on fixed images of the evaluation subjects, the same ones at every call.

    Args:
        backend: What is measured.
        data: Images and subjects.
        settings: Of the training.
        note: Called with what the user should know, in words.

    Attributes:
        subjects: Whose batches the held-out loss is measured on: ``evaluation``, or ``pretraining`` where the former
            fill no batch.

    Raises:
        TrainingError: Neither fill a batch.
    """

    def __init__(self, backend: Backend, data: TrainingData, settings: Settings, note: Callable[[str], None]) -> None:
        self._backend, self._data, self._settings = backend, data, settings
        # Not the seed of training: on pretraining subjects it would draw the very batches that are trained on.
        self._seed = settings.seed + 1
        self.subjects = "evaluation"
        try:
            self._sampler = sampler_of(data.evaluation, settings, self._seed)
        except TrainingError as error:
            note(f"evaluation subjects fill no batch, so loss is measured on pretraining subjects: {error.reason}")
            self.subjects = "pretraining"
            self._sampler = sampler_of(data.pretraining, settings, self._seed)
        pool = data.evaluation
        self._rows = choose_evidence(pool, settings.evidence_images, settings.seed)
        order = np.argsort(pool.row)
        index = order[np.searchsorted(pool.row, self._rows, sorter=order)]
        self._subject, self._partition = pool.subject[index], pool.partition[index]
        known = np.unique(self._subject[self._partition >= 0])
        self._measure = "partition" if len(known) > 1 else "view"

    def __call__(self) -> dict[str, Any]:
        """Return loss, local_loss (None without local stage), measure (partition or view), accuracy, chance, n_images.

        Raises:
            NotFiniteError: A feature is not finite.
        """
        found: dict[str, Any] = {"loss": self._loss(GLOBAL), "local_loss": None, "measure": self._measure}
        if self._settings.local_steps:
            found["local_loss"] = self._loss(LOCAL)
        if self._measure == "partition":
            features = self._features(augmented=False, view=0)
            found["accuracy"], found["chance"] = nearest_partition_accuracy(features, self._subject, self._partition)
        else:
            views = [self._features(augmented=True, view=view) for view in (0, 1)]
            found["accuracy"], found["chance"] = view_accuracy(*views)
        found["n_images"] = len(self._rows)
        return found

    def _loss(self, stage: str) -> float:
        losses = []
        for number in range(self._settings.evidence_batches):
            images, target = prepared_batch(self._sampler, self._data, self._settings, number, stage)
            losses.append(self._backend.loss(images, target))
        return float(np.mean(losses))

    def _features(self, augmented: bool, view: int) -> np.ndarray:
        chunk = self._settings.micro_batch_size or _FEATURE_CHUNK
        features = []
        for start in range(0, len(self._rows), chunk):
            rows = self._rows[start : start + chunk]
            # Draws are seeded by position in the batch, and the chunk's size must not affect them: one row per batch.
            images = [self._image(row, augmented, view) for row in rows]
            features.append(self._backend.features(np.concatenate(images)))
        return np.concatenate(features)

    def _image(self, row: int, augmented: bool, view: int) -> np.ndarray:
        data = self._data
        batch = Batch(np.array([row]), np.array([augmented]))
        step = 2 * int(row) + view
        return prepare_batch(data.images, batch, data.mean, data.std, self._settings, self._seed, step)


def sampler_of(pool: Pool, settings: Settings, seed: int) -> Sampler:
    """Return the sampler that the settings describe.

    Raises:
        TrainingError: The pool cannot fill a batch.
    """
    return Sampler(pool, settings.loss, settings.batch_size, settings.partitions, settings.reference_batching, seed)


def prepared_batch(
    sampler: Sampler, data: TrainingData, settings: Settings, step: int, stage: str
) -> tuple[np.ndarray, Target]:
    """Return the batch of a step.

    Args:
        sampler: From :func:`sampler_of`.
        data: Images and their normalisation.
        settings: Of the training; its loss is the sampler's.
        step: Counts from 0 over both stages.
        stage: ``global`` or ``local``.

    Returns:
        Images, augmented and normalised, float32 [n, H, W, 3], and what the loss compares in them.
    """
    batch = sampler.batch(step, stage)
    images = prepare_batch(data.images, batch, data.mean, data.std, settings, sampler.seed, step)
    if stage == LOCAL:
        return images, LocalTarget(len(images))
    if settings.loss == "g_r":
        return images, random_terms(settings.batch_size)
    volumes = settings.batch_size // settings.partitions
    return images, global_terms(settings.loss, volumes, settings.partitions, settings.reference_batching)
