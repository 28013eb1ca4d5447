"""Simulated cohorts whose truth is known: normal classes, a nearest centroid or a linear discriminant, real folds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.evaluation.metrics import Outcomes, weighted_metrics
from sixgig.evaluation.splits import make_splits

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

#: What the truth is measured on: fresh training samples, and test folds for each.
_SAMPLES, _TESTED = 1000, 10


class Cell(NamedTuple):
    """One way of drawing studies.

    Attributes:
        counts: Subjects of each class.
        distance: How far the centres of two classes lie apart, in standard deviations.
        folds: Folds of the cross-validation.
        repeats: Its repeats.
        features: Features, at least as many as classes.
        linear: Whether a linear discriminant is used and not a nearest centroid.
    """

    counts: tuple[int, ...]
    distance: float
    folds: int = 5
    repeats: int = 3
    features: int = 20
    linear: bool = False

    @property
    def labels(self) -> Indices:
        """Class of every subject, [n]."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def __str__(self) -> str:
        used = "linear" if self.linear else "centroid"
        sizes = ":".join(map(str, self.counts))
        return f"{sizes}, d {self.distance:g}, {self.folds} x {self.repeats}, {self.features} features, {used}"


def draw(cell: Cell, labels: Indices, rng: np.random.Generator) -> Floats:
    """Return features of subjects with these classes, [n, n_features]."""
    centres = np.eye(len(cell.counts), cell.features) * cell.distance / np.sqrt(2)
    result: Floats = rng.standard_normal((len(labels), cell.features)) + centres[labels]
    return result


def scores_of(cell: Cell, train: Floats, labels: Indices, test: Floats) -> Floats:
    """Return class scores of test subjects, [n, n_classes]: those of equally frequent normal classes."""
    centres = np.stack([train[labels == index].mean(axis=0) for index in range(len(cell.counts))])
    turned = centres
    if cell.linear:
        inside = train - centres[labels]
        spread = inside.T @ inside / (len(train) - len(centres))
        turned = np.linalg.solve(spread + 1e-3 * np.eye(len(spread)), centres.T).T
    values = test @ turned.T - (turned * centres).sum(axis=1) / 2
    found = np.exp(values - values.max(axis=1, keepdims=True))
    result: Floats = found / found.sum(axis=1, keepdims=True)
    return result


def centroid_losses(data: Floats, labels: Indices, trained: NDArray[np.bool_]) -> Floats:
    """Return 1 where nearest centroids are wrong about a subject, [n_models, n]; ``trained`` flags their subjects."""
    values = []
    for index in range(labels.max() + 1):
        own = trained & (labels == index)
        centre = own @ data / own.sum(axis=1, keepdims=True)
        values.append(centre @ data.T - (centre**2).sum(axis=1, keepdims=True) / 2)
    result: Floats = (np.argmax(values, axis=0) != labels).astype(np.float64)
    return result


def splits_of(cell: Cell, seed: int) -> pd.DataFrame:
    """Return folds as sixgig draws them."""
    manifest = pd.DataFrame(
        {
            "subject_id": [f"s{number:03d}" for number in range(sum(cell.counts))],
            "label": [f"c{n}" for n in cell.labels],
        }
    )
    splits = make_splits(
        manifest, folds=cell.folds, repeats=cell.repeats, pretraining_fraction=0.0, scope="transductive", seed=seed
    )
    return splits[splits["role"] == "evaluation"].sort_values(["repeat", "fold", "subject_id"], ignore_index=True)


def predict(cell: Cell, data: Floats, splits: pd.DataFrame) -> pd.DataFrame:
    """Return out-of-fold predictions of one study, in the order of the splits."""
    labels = cell.labels
    place = splits["subject_id"].str[1:].to_numpy(dtype=np.intp)
    fold = (splits["repeat"] * cell.folds + splits["fold"]).to_numpy(dtype=np.intp)
    scores = np.empty((len(splits), len(cell.counts)))
    for number in range(cell.folds * cell.repeats):
        tested = place[fold == number]
        train = np.ones(len(labels), dtype=bool)
        train[tested] = False
        scores[fold == number] = scores_of(cell, data[train], labels[train], data[tested])
    names = np.array([f"c{index}" for index in range(len(cell.counts))])
    table = splits[["subject_id", "repeat", "fold", "label"]].assign(predicted=names[scores.argmax(axis=1)])
    return table.assign(**{f"score_{name}": scores[:, index] for index, name in enumerate(names)})


def truth(cell: Cell, rng: np.random.Generator, whole: bool = False, samples: int = _SAMPLES) -> dict[str, float]:
    """Return the mean of every metric over fresh training samples and test folds of the sizes that the folds have.

    Args:
        cell: How subjects are drawn.
        rng: Source of the samples.
        whole: Whether the training samples have as many subjects as the study, and not as a training fold.
        samples: Training samples.
    """
    splits = splits_of(cell, 0)
    sizes = [
        np.bincount(own.str[1:].astype(int), minlength=len(cell.counts))
        for _, own in splits.groupby(["repeat", "fold"])["label"]
    ]
    found: dict[str, list[Floats]] = {}
    for number in range(samples):
        held = sizes[number % len(sizes)]
        labels = np.repeat(np.arange(len(held)), np.array(cell.counts) - (0 if whole else held))
        tests = np.tile(np.repeat(np.arange(len(held)), held), _TESTED)
        scores = scores_of(cell, draw(cell, labels, rng), labels, draw(cell, tests, rng))
        names = tuple(f"c{index}" for index in range(len(held)))
        data = Outcomes(names, len(names) - 1, tests, scores.argmax(axis=1), scores)
        for name, values in weighted_metrics(data, np.repeat(np.eye(_TESTED), held.sum(), axis=1)).items():
            found.setdefault(name, []).append(values)
    return {name: float(np.nanmean(values)) for name, values in found.items()}
