"""What one classifier is told when it is cross-validated on one arm, and what of the arm it sees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sixgig.runtime.outcomes import failed_cohort
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.features import read_features


@dataclass(frozen=True, kw_only=True)
class ClassifyJob:
    """All that decides the predictions of one method, besides the arm's features.

    Attributes:
        splits: splits.csv of the cohort.
        classifier: Registry name.
        options: The classifier's stanza in the config.
        inner_folds: Folds of the search for hyper-parameters.
        seed: The study's seed.
        threads: Outer folds computed at a time.
        predictions: Output .csv; other files stand beside it.
        gate: leakage.json of the cohort; a cohort that failed has no predictions.
    """

    splits: Path
    classifier: str
    options: Mapping[str, Any]
    inner_folds: int
    seed: int
    threads: int
    predictions: Path
    gate: Path | None = None

    @classmethod
    def of_rule(cls, rule: Any) -> ClassifyJob:
        """Return the job of a rule, which Snakemake gives its script."""
        return cls(
            splits=Path(rule.input.splits),
            classifier=rule.wildcards.classifier,
            options=rule.params.options,
            inner_folds=rule.params.inner_folds,
            seed=rule.params.seed,
            threads=rule.threads,
            predictions=Path(rule.output.predictions),
            gate=Path(rule.input.gate),
        )

    def leaves_out(self, seen: Seen) -> bool:
        """Whether nothing is computed, because the arm or the cohort failed."""
        return seen.empty or bool(failed_cohort("", self.gate))

    def arguments(self, seen: Seen) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what :func:`sixgig.evaluation.cross_validation.cross_validate` is told, but for threads and label.

        Raises:
            SixgigError: The features cannot be used.
        """
        features, names, further = seen.read()
        known = (features, names, SPLITS.read(self.splits), self.classifier, self.options)
        return known, {"inner_folds": self.inner_folds, "seed": self.seed, **further}


class Seen(ABC):
    """What a classifier sees of an arm.

    Attributes:
        of_images: Whether images have classes of their own.
    """

    of_images = False

    @property
    @abstractmethod
    def empty(self) -> bool:
        """Whether there are no features: the arm failed."""

    @abstractmethod
    def read(self) -> tuple[Any, list[str], dict[str, Any]]:
        """Return features, [n_samples, n_features], the name of each sample, and further arguments.

        Raises:
            SixgigError: The features cannot be used.
        """


class Vectors(Seen):
    """One vector of features of a subject, or of an image where images have classes of their own.

    Args:
        features: .npz of the arm; without rows when the arm failed.
        manifest: manifest.csv of a cohort whose images have classes of their own; else None.
    """

    def __init__(self, features: Path, manifest: Path | None = None) -> None:
        self._features, self._manifest = features, manifest
        self.of_images = manifest is not None

    @cached_property
    def _rows(self) -> Any:
        return read_features(self._features)

    @property
    def empty(self) -> bool:
        """Whether there are no features: the arm failed."""
        return len(self._rows[0]) == 0

    def read(self) -> tuple[Any, list[str], dict[str, Any]]:
        """Return features, names of samples, and the manifest where images have classes of their own."""
        rows, names = self._rows
        images = None if self._manifest is None else MANIFEST.read(self._manifest)
        return rows, names.tolist(), {"images": images, "place": self._features}
