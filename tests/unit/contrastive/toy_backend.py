"""A backend simple enough to follow, data to train it on, and a run that can be killed."""

import json

import numpy as np

from sixgig.contrastive.backend import Backend
from sixgig.contrastive.measurement import TrainingData
from sixgig.contrastive.sampling import Pool
from sixgig.contrastive.training import train
from sixgig.training.checkpoints import CheckpointStore
from tests.unit.contrastive.tiny_contrastive import SETTINGS as TINY

SETTINGS = TINY._replace(learning_rate=0.1, warmup_steps=4, evidence_batches=2)


class ToyBackend(Backend):
    """Mean colour times a matrix, pulled towards ones; gradient descent. It ignores what the target compares.

    Args:
        nan_at: The loss of this update is not a number.
        overflows_at: The gradients of these updates are infinite.
    """

    name, version = "toy", "1"

    def __init__(self, settings, dtype="float32", nan_at=None, overflows_at=()):
        super().__init__(settings, "cpu", dtype)
        self.weight = np.eye(3)
        self.seen = []
        self.stages = []
        self.measured = self.updates = 0
        self._calls, self._nan_at, self._overflows_at = 0, nan_at, overflows_at

    def start_stage(self, stage):
        self.stages.append(stage)

    def save(self, folder):
        np.save(folder / "weight.npy", self.weight)
        self._scale.save(folder)

    def restore(self, folder):
        self.weight = np.load(folder / "weight.npy")
        self._scale.restore(folder)

    def arrays(self):
        return {"weight": self.weight.copy()}

    def _inputs(self, images):
        return images.mean(axis=(1, 2), dtype=float)

    def _embed(self, images, stage):
        return self._inputs(images) @ self.weight

    def _loss_gradient(self, embeddings, target):
        difference = embeddings - 1
        loss = float(np.nan if self._calls == self._nan_at else (difference**2).mean())
        return loss, 2 * difference / difference.size

    def _pull_back(self, images, stage, gradient, first):
        self._sum = (0 if first else self._sum) + self._inputs(images).T @ gradient

    def _accumulate_whole(self, images, target, scale):
        self.seen.append((round(float(images.sum()), 2), type(target).__name__, len(images)))
        self._calls += 1
        loss, gradient = self._loss_gradient(self._embed(images, ""), target)
        self._pull_back(images, "", gradient * scale, True)
        if self._calls in self._overflows_at:
            self._sum = self._sum * np.inf
        return loss

    def _gradient(self, stage):
        return {"weight": self._sum}

    def _gradient_is_finite(self):
        return bool(np.isfinite(self._sum).all())

    def _update(self, learning_rate):
        self.updates += 1
        self.weight = self.weight - learning_rate * self._sum / self._scale.value

    def _features(self, images):
        self.measured += 1
        return self._embed(images, "")


def pool_of(subjects, first, volumes=True):
    """One volume per subject, two slices in each of two partitions."""
    n = 4 * subjects
    subject = first + np.arange(n) // 4
    partition = np.arange(n) % 4 // 2
    if not volumes:
        return Pool(4 * first + np.arange(n), subject, np.full(n, -1), np.full(n, -1))
    return Pool(4 * first + np.arange(n), subject, subject.copy(), partition)


def data_of(pretraining=5, evaluation=5, side=28, volumes=True):
    """Slices of partition 1 have a bright square that those of partition 0 lack."""
    pools = pool_of(pretraining, 0, volumes), pool_of(evaluation, pretraining, volumes)
    random = np.random.RandomState(0)
    images = random.randint(0, 120, (4 * (pretraining + evaluation), side, side, 3)).astype(np.uint8)
    images[np.arange(len(images)) % 4 >= 2, side // 4 : side // 2, side // 4 : side // 2] += 120
    return TrainingData(images, *pools, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


class KilledError(Exception):
    """Stands for the end of the process."""


def run(folder, backend, settings=SETTINGS, data=None, kill_after=None):
    """Train; returns the facts (None when killed) and the events."""
    events = []

    def report(event):
        events.append(json.loads(json.dumps(event)))
        if kill_after is not None and event["event"] == "step" and event["step"] == kill_after:
            raise KilledError

    try:
        facts = train(backend, data or data_of(), settings, CheckpointStore(folder), report)
    except KilledError:
        facts = None
    return facts, events


def of_kind(events, kind):
    return [event for event in events if event["event"] == kind]
