"""Which images make up a batch: sampling by partitions of volumes (Chaitanya et al. 2020, arXiv 2006.10511).

A batch depends on (seed, step) alone, so a resumed training draws what the killed one would have drawn, and both
backends draw the same. Draws come from NumPy's RandomState, whose stream is the same in every NumPy version (that of
the newer Generator is not).
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np

from sixgig.contrastive.pairs import global_terms, random_terms
from sixgig.errors import TrainingError

STAGES = ("global", "local")
_MORE_SUBJECTS = "raise evaluation.pretraining_fraction"


class Pool(NamedTuple):
    """Images that batches are drawn from.

    Attributes:
        row: int64 [n], row of ``images.npy``.
        subject: int64 [n].
        volume: int64 [n]; -1 for an image of no volume.
        partition: int64 [n], equal part of the volume that holds the slice; -1 for none.
    """

    row: np.ndarray
    subject: np.ndarray
    volume: np.ndarray
    partition: np.ndarray


class Batch(NamedTuple):
    """Images of one batch, in the order that the pairs of :mod:`sixgig.contrastive.pairs` assume.

    Attributes:
        rows: int64 [m], rows of ``images.npy``; -1 stands for an all-zero image.
        augment: bool [m], which images are augmented.
        stage: ``global``, or ``local``, whose augmentation leaves the geometry alone.
    """

    rows: np.ndarray
    augment: np.ndarray
    stage: str = "global"


def random_state(*numbers: int) -> np.random.RandomState:
    """Return the random stream of some numbers, for instance a purpose, a seed and a step."""
    return np.random.RandomState([number % 2**32 for number in numbers])


def choose_loss(pool: Pool, loss: str, partitions: int) -> tuple[str, str | None]:
    """Return the loss that can be computed on a pool, and why it is not the one asked for (None when it is).

    G^{D-} and G^D need to know the partitions of volumes; images of no volume have none, and G^R stands in.

    Args:
        pool: The pretraining images.
        loss: ``g_r``, ``g_d_minus`` or ``g_d``.
        partitions: Partitions of a volume.
    """
    if loss == "g_r" or len(pool.row) == 0 or bool(np.any(_usable(pool))):
        return loss, None
    return "g_r", (
        f"none of the {len(pool.row)} pretraining images is a slice of a volume, so there are no {partitions} "
        f"partitions to compare: the loss is g_r (random images, SimCLR) in place of {loss}"
    )


def check_pool(pool: Pool, loss: str, batch_size: int, partitions: int, reference_batching: bool = False) -> None:
    """Check that batches can be drawn.

    Args:
        pool: Images to draw from.
        loss: The loss of :func:`choose_loss`.
        batch_size: Images B that the loss counts.
        partitions: Partitions S of a volume.
        reference_batching: Whether g_d is batched as published.

    Raises:
        TrainingError: The batch size does not fit the loss, or the pool has too few subjects, volumes or images.
    """
    key = "arms.vit_contrastive.batch_size"
    if len(pool.row) == 0:
        raise TrainingError(
            "evaluation.pretraining_fraction",
            "there are no pretraining subjects, and the contrastive arm learns from them alone",
            _MORE_SUBJECTS + " above 0, or leave out arms.vit_contrastive",
        )
    if loss == "g_r":
        random_terms(batch_size)
        n_images = len(pool.row)
        if batch_size > n_images:
            raise TrainingError(
                key,
                f"g_r draws {batch_size} different images, and the pool has {n_images}",
                f"lower it to {n_images} or less, or {_MORE_SUBJECTS}",
            )
        return
    if batch_size % partitions or batch_size < partitions:
        below = max(batch_size // partitions, 1) * partitions
        raise TrainingError(
            key,
            f"{batch_size} is not a multiple of the cohort's {partitions} partitions",
            f"set it to {below} or {below + partitions}",
        )
    global_terms(loss, batch_size // partitions, partitions, reference_batching)
    _check_volumes(pool, loss, batch_size, partitions, reference_batching)


def _check_volumes(pool: Pool, loss: str, batch_size: int, partitions: int, reference_batching: bool) -> None:
    """Check that the pool has the volumes of a batch; see :func:`check_pool`."""
    highest = int(pool.partition.max())
    if highest >= partitions:
        raise TrainingError(
            "the cohort's partitions",
            f"they are {partitions} in the config, but the manifest's slices lie in partitions 0 to {highest}",
            f"set them to {highest + 1}, or remove the cohort's manifest.csv so that it is prepared again",
        )
    needed = _volumes_needed(loss, batch_size // partitions, reference_batching)
    subjects = _Volumes(pool, partitions).subjects
    counts = [len(members) for members in subjects]
    if _can_draw(counts, needed, loss):
        return
    _check_slices(pool, loss, partitions, needed, sum(counts))
    fitting = 0
    while _can_draw(counts, _volumes_needed(loss, fitting + 1, reference_batching), loss):
        fitting += 1
    smallest = 2 if loss == "g_d" and reference_batching else 1
    partners = " in pairs of different subjects" if loss == "g_d" else ""
    lower = f"lower it to {fitting * partitions} or less, " if fitting >= smallest else ""
    raise TrainingError(
        "arms.vit_contrastive.batch_size",
        f"a batch of {batch_size} slices with loss {loss} needs {needed} volumes{partners}; with a slice in each of "
        f"the {partitions} partitions there are {sum(counts)}, of {len(counts)} subjects",
        lower + _MORE_SUBJECTS + ", or set arms.vit_contrastive.loss to g_r",
    )


def _check_slices(pool: Pool, loss: str, partitions: int, needed: int, n_complete: int) -> None:
    """Say when there would be volumes enough, if they had a slice in every partition."""
    usable = _usable(pool)
    volumes, first, index = np.unique(pool.volume[usable], return_index=True, return_inverse=True)
    subjects = _members(pool.subject[usable][first], np.arange(len(volumes)))
    if not _can_draw([len(members) for members in subjects], needed, loss):
        return
    n_slices = np.bincount(index)
    filled = [len(np.unique(pool.partition[usable][index == volume])) for volume in range(len(volumes))]
    fewer = max(1, min(partitions - 1, sorted(filled, reverse=True)[needed - 1]))
    raise TrainingError(
        "the cohort's partitions",
        f"they are {partitions}, and {len(volumes) - n_complete} of the {len(volumes)} pretraining volumes, of "
        f"{n_slices.min()} to {n_slices.max()} slices, have none in some of them; a batch needs {needed} with one "
        "in each",
        f"set `partitions` of the cohort to {fewer} or less (and the batch size to a multiple of it), or take more "
        "`slices` of a volume, or set arms.vit_contrastive.loss to g_r",
    )


class Sampler:
    """Draws the batches of one training.

    Global stage, with V = batch_size / partitions volumes in a block of B slices:

    - ``g_r``: B images, each twice: [aug1 | aug2].
    - ``g_d_minus``: V volumes, one slice of each partition, each three times: [x | aug1 | aug2].
    - ``g_d``: 2 V volumes in V groups of two partners; see :func:`sixgig.contrastive.pairs.global_terms`. With
      ``reference_batching`` one group less, and all-zero images in its place.

    Local stage: B images (of V volumes, but for g_r), each twice, both augmented: [view 1 | view 2].

    Only volumes with a slice in every partition take part; the slice of a partition is drawn uniformly. Subjects come
    in random order, and none gives a second volume (for g_r: image) before each has given one; partners in a group
    of g_d are never of one subject.

    Args:
        pool: Images to draw from.
        loss: ``g_r``, ``g_d_minus`` or ``g_d``.
        batch_size: B.
        partitions: S.
        reference_batching: Whether g_d is batched as published.
        seed: Of all draws.

    Raises:
        TrainingError: See :func:`check_pool`.
    """

    def __init__(
        self, pool: Pool, loss: str, batch_size: int, partitions: int, reference_batching: bool, seed: int
    ) -> None:
        check_pool(pool, loss, batch_size, partitions, reference_batching)
        self.loss = loss
        self.batch_size = batch_size
        self.partitions = partitions
        self.reference_batching = reference_batching
        self.seed = seed
        self._images = _members(pool.subject, np.asarray(pool.row, dtype=np.int64))
        self._volumes = _Volumes(pool, partitions)

    def batch(self, step: int, stage: str = "global") -> Batch:
        """Draw the batch of a step; the same for the same seed, step and stage.

        Args:
            step: Counts from 0 or 1, as the caller likes.
            stage: ``global`` or ``local``.
        """
        random = random_state(0, self.seed, step, STAGES.index(stage))
        if self.loss == "g_r":
            block = _draw_spread(random, self._images, self.batch_size)
            return Batch(np.tile(block, 2), np.ones(2 * len(block), dtype=bool), stage)
        n_volumes = self.batch_size // self.partitions
        if stage == "local" or self.loss == "g_d_minus":
            volumes = _draw_spread(random, self._volumes.subjects, n_volumes)
            block = self._volumes.draw_slices(random, volumes).ravel()
            views = (True, True) if stage == "local" else (False, True, True)
            return Batch(np.tile(block, len(views)), np.repeat(views, len(block)), stage)
        n_groups = _volumes_needed("g_d", n_volumes, self.reference_batching) // 2
        volumes = _draw_spread(random, self._volumes.subjects, 2 * n_groups)
        # Volumes of one subject stand together, and a spread over a pool that passed check_pool has n_groups of them at
        # most: half the list further on is another subject.
        partners = np.stack([volumes[:n_groups], volumes[n_groups:]], axis=1)
        slices = self._volumes.draw_slices(random, partners.ravel()).reshape(n_groups, 2, 1, self.partitions)
        rows = np.full((n_volumes, 2, 2, self.partitions), -1, dtype=np.int64)
        augment = np.zeros(rows.shape, dtype=bool)
        rows[:n_groups] = slices
        augment[:n_groups, :, 1] = True
        return Batch(rows.ravel(), augment.ravel(), stage)


class _Volumes:
    """Volumes with a slice in every partition.

    Attributes:
        subjects: For each subject, the indices of its volumes.
    """

    def __init__(self, pool: Pool, partitions: int) -> None:
        usable = np.flatnonzero(_usable(pool))
        usable = usable[np.lexsort((pool.row[usable], pool.partition[usable], pool.volume[usable]))]
        names, index, sizes = np.unique(pool.volume[usable], return_inverse=True, return_counts=True)
        counts = np.zeros((len(names), partitions), dtype=np.int64)
        np.add.at(counts, (index, pool.partition[usable]), 1)
        starts = np.cumsum(counts.ravel()).reshape(counts.shape) - counts
        complete = counts.all(axis=1)
        first = np.cumsum(sizes) - sizes
        self._rows = np.asarray(pool.row, dtype=np.int64)[usable]
        self._starts, self._counts = starts[complete], counts[complete]
        subject = pool.subject[usable][first[complete]]
        self.subjects = _members(subject, np.arange(len(subject)))

    def draw_slices(self, random: np.random.RandomState, volumes: np.ndarray) -> np.ndarray:
        """Draw one slice per partition of volumes [k]: rows of ``images.npy``, int64 [k, partitions]."""
        counts = self._counts[volumes]
        within = (random.random_sample(counts.shape) * counts).astype(np.int64)
        return self._rows[self._starts[volumes] + within]


def _usable(pool: Pool) -> np.ndarray:
    """Return which images are slices of a known partition of a volume, bool [n]."""
    return (pool.volume >= 0) & (pool.partition >= 0)


def _members(owner: np.ndarray, members: np.ndarray) -> list[np.ndarray]:
    """Return, for each owner in ascending order, its members."""
    order = np.argsort(owner, kind="stable")
    changes = np.flatnonzero(np.diff(owner[order])) + 1
    return np.split(members[order], changes) if len(owner) else []


def _draw_spread(random: np.random.RandomState, subjects: Sequence[np.ndarray], number: int) -> np.ndarray:
    """Draw different members, int64 [number]: one of each subject in random order, then a second of any, and so on.

    Args:
        random: Source of the draws.
        subjects: Members of each subject.
        number: How many to draw.

    Returns:
        The members; those of one subject stand together.
    """
    sizes = np.array([len(members) for members in subjects], dtype=np.int64)
    order = random.permutation(len(subjects))
    taken = np.zeros(len(subjects), dtype=np.int64)
    while taken.sum() < number:
        able = order[taken[order] < sizes[order]]
        taken[able[: number - taken.sum()]] += 1
    chosen = [subjects[s][random.permutation(sizes[s])[: taken[s]]] for s in order if taken[s]]
    return np.concatenate(chosen)


def _volumes_needed(loss: str, volumes: int, reference_batching: bool) -> int:
    """Return how many different volumes a batch of V blocks of slices is drawn from."""
    if loss != "g_d":
        return volumes
    return 2 * (volumes - 1) if reference_batching else 2 * volumes


def _can_draw(counts: Sequence[int], needed: int, loss: str) -> bool:
    """Return whether subjects with these numbers of volumes suffice; a subject is in a group of g_d once at most."""
    most = needed // 2 if loss == "g_d" else needed
    return sum(min(count, most) for count in counts) >= needed
