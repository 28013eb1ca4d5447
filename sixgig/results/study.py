"""Reads what a study wrote: every table, sidecar and JSON file under ``results/<study>/``, when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from sixgig.arms.looks import looks_of
from sixgig.arms.registry import Look, is_control
from sixgig.classifiers.registry import alone, classifier_names
from sixgig.errors import SixgigError
from sixgig.evaluation.levels import at_level
from sixgig.results.files import RUN_AGAIN, existing, read_object, read_table
from sixgig.results.pairs import Pairs
from sixgig.results.statistics import StatisticsTables
from sixgig.results.training import Training
from sixgig.runtime.digests import file_sha256
from sixgig.runtime.outcomes import FAILED, failed_status
from sixgig.tables.cohorts import MANIFEST, QUARANTINE, REMARKS, SPLITS
from sixgig.tables.costs import COSTS
from sixgig.tables.fractions import FRACTIONS
from sixgig.tables.groups import GROUPS, SUBJECT_GROUPS
from sixgig.tables.levels import labels_of, metrics_of
from sixgig.tables.predictions import IMAGE, PREDICTIONS
from sixgig.tables.scores import METRICS, SUMMARY
from sixgig.tables.verdicts import VERDICTS

if TYPE_CHECKING:
    import numpy as np

#: Classifiers in display order; unknown ones follow by name.
CLASSIFIER_ORDER = classifier_names()
#: The metric of verdicts and figures when the study file names no other.
MAIN_METRIC = "balanced_accuracy"


class Method(NamedTuple):
    """An arm with a classifier: what is compared."""

    arm: str
    classifier: str

    @property
    def is_control(self) -> bool:
        """Whether the arm is a control, which no verdict may name as the best."""
        return is_control(self.arm)

    @property
    def reads_features(self) -> bool:
        """Whether the classifier sees features; if not, the arm is only another name of the classifier."""
        return alone(self.classifier) is None


def method_order(method: Method, arms: Sequence[str] | None = None) -> tuple[float, str, int, str]:
    """Sort key that puts methods in display order.

    Args:
        method: The method.
        arms: The arms and controls of the study in display order; the kinds when None. Unknown ones follow by name.
    """
    known = tuple(looks_of({})) if arms is None else tuple(arms)

    def place(name: str, names: tuple[str, ...]) -> int:
        return names.index(name) if name in names else len(names)

    last = sum(not is_control(arm) for arm in known) - 1
    return (
        # An unknown arm stands before the controls, which always come last.
        place(method.arm, known) if method.arm in known or method.is_control else last + 0.5,
        method.arm,
        place(method.classifier, CLASSIFIER_ORDER),
        method.classifier,
    )


def classifier_order(classifier: str) -> tuple[int, str]:
    """Sort key that puts classifiers in display order."""
    known = classifier in CLASSIFIER_ORDER
    return CLASSIFIER_ORDER.index(classifier) if known else len(CLASSIFIER_ORDER), classifier


def is_failed(status: str) -> bool:
    """Whether a status of the summary or of a sidecar says that the arm failed."""
    return status.startswith("failed")


class Study(StatisticsTables):
    """The results of one study, read lazily: a file is opened when its property or method is first used.

    ``study.json`` may hold: ``config`` (the whole study file, with ``study``, ``title``, ``scope``, ``seed``,
    ``evaluation``), ``versions`` (name to version), ``machine`` (name to value), ``source`` (``commit``, ``changed``)
    and ``command``. None of these is required.

    Args:
        folder: The study's folder, ``results/<study>``.

    Raises:
        SixgigError: The folder does not exist.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise SixgigError(self.folder, "there is no such study: the folder does not exist", RUN_AGAIN)

    # ---- study.json

    @cached_property
    def info(self) -> dict[str, Any]:
        """What ``study.json`` says about configuration, versions and machine."""
        return read_object(self.folder / "study.json")

    @property
    def config(self) -> dict[str, Any]:
        """The study file that was run."""
        return dict(self.info.get("config") or {})

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.config.get("study") or self.folder.resolve().name)

    @property
    def title(self) -> str:
        """The study's title, for people."""
        return str(self.config.get("title") or self.name)

    @cached_property
    def cohort_titles(self) -> dict[str, str]:
        """Titles of its cohorts; with the key where two have the same, and the key alone where there is none."""
        stanzas = self.config.get("cohorts") or {}
        titles = {cohort: str((stanza or {}).get("title") or cohort) for cohort, stanza in stanzas.items()}
        own = list(titles.values())
        return {cohort: title if own.count(title) == 1 else f"{title} ({cohort})" for cohort, title in titles.items()}

    @cached_property
    def looks(self) -> dict[str, Look]:
        """How its arms and controls are shown, by name in display order."""
        return looks_of(self.config, self.info.get("arms") or ())

    def order(self, method: Method) -> tuple[float, str, int, str]:
        """Sort key that puts methods in display order."""
        return method_order(method, self._arm_order)

    @cached_property
    def _arm_order(self) -> tuple[str, ...]:
        return tuple(self.looks)

    @property
    def scope(self) -> str:
        """``inductive`` or ``transductive``."""
        return str(self.config.get("scope") or "inductive")

    @property
    def language(self) -> str:
        """Language of report and figures, such as ``en``."""
        return str(self.config.get("language") or "en")

    def positive(self, cohort: str) -> str | None:
        """The positive class that the config names for a cohort; None for the default."""
        named = ((self.config.get("cohorts") or {}).get(cohort) or {}).get("positive")
        return None if named is None else str(named)

    def labels_of(self, cohort: str) -> str:
        """What has a class on a cohort: ``subject``, or ``image`` where each image has one of its own."""
        return labels_of((self.config.get("cohorts") or {}).get(cohort) or {})

    def metrics_of(self, cohort: str) -> str:
        """What metrics and tests count on a cohort: ``subject`` or ``image``."""
        return metrics_of((self.config.get("cohorts") or {}).get(cohort) or {})

    @property
    def seeds(self) -> int:
        """How often every arm that learns was trained."""
        return int((self.config.get("evaluation") or {}).get("seeds", 1))

    @property
    def alpha(self) -> float:
        """The significance level of the pairwise verdicts."""
        return float((self.config.get("evaluation") or {}).get("alpha", 0.05))

    @property
    def metric(self) -> str:
        """The metric of verdicts, figures and pairwise tests."""
        return str((self.config.get("evaluation") or {}).get("metric", MAIN_METRIC))

    # ---- tables of the whole study

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """``metrics.csv``: one value per metric and test fold."""
        return read_table(METRICS, self.folder / "metrics.csv")

    @cached_property
    def summary(self) -> pd.DataFrame:
        """``summary.csv``: estimates with intervals at the level 1 - alpha, and status."""
        return read_table(SUMMARY, self.folder / "summary.csv")

    @cached_property
    def test_summary(self) -> pd.DataFrame:
        """``test_summary.csv``: the same on held-out official test sets, for cohorts that have one."""
        return read_table(SUMMARY, self.folder / "test_summary.csv")

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """``verdicts.csv``: what every cohort shows, real cohorts first."""
        return read_table(VERDICTS, self.folder / VERDICTS.name)

    @property
    def has_fractions(self) -> bool:
        """Whether the study has label-fraction curves."""
        return "fractions" in (self.config.get("evaluation") or {})

    @cached_property
    def fractions(self) -> pd.DataFrame:
        """``fractions.csv``: the same with fractions of the labels, for studies with ``evaluation.fractions``."""
        return read_table(FRACTIONS, self.folder / "fractions.csv")

    @cached_property
    def costs(self) -> pd.DataFrame:
        """``costs.csv``: what each stage took."""
        return read_table(COSTS, self.folder / "costs.csv")

    @property
    def cohorts(self) -> list[str]:
        """Cohort names, in the order of the summary."""
        return [str(name) for name in self.summary["cohort"].unique()]

    def methods(self, cohort: str) -> list[Method]:
        """Methods of one cohort in display order, failed ones included."""
        rows = self.summary[self.summary["cohort"] == cohort]
        found = {
            Method(str(arm), str(classifier)) for arm, classifier in zip(rows["arm"], rows["classifier"], strict=True)
        }
        return sorted(found, key=self.order)

    def metric_names(self) -> list[str]:
        """Metric names, in the order of the summary."""
        return [str(name) for name in self.summary["metric"].unique()]

    def estimates(self, cohort: str, metric: str | None = None) -> dict[Method, pd.Series]:
        """Summary rows of one cohort and metric by method, in display order, failed methods included.

        A failed method has a row for every metric or for none; one without a row for ``metric`` is given one with
        missing values, so that it cannot disappear from a table.

        Args:
            cohort: The cohort.
            metric: The metric; the study's own when None.
        """
        metric = metric or self.metric
        rows = self.summary[self.summary["cohort"] == cohort]
        found: dict[Method, pd.Series] = {}
        for method in self.methods(cohort):
            own = rows[(rows["arm"] == method.arm) & (rows["classifier"] == method.classifier)]
            exact = own[own["metric"] == metric]
            if len(exact):
                found[method] = exact.iloc[0]
            else:
                row = own.iloc[0].copy()
                row["metric"], row["ci_method"] = metric, None
                row[["estimate", "ci_low", "ci_high"]] = float("nan")
                found[method] = row
        return found

    # ---- statistics

    @property
    def has_groups(self) -> bool:
        """Whether a cohort has groups of subjects, such as sites."""
        return any(cohort.get("groups") for cohort in (self.config.get("cohorts") or {}).values())

    @cached_property
    def groups(self) -> pd.DataFrame:
        """``statistics/groups.csv``: metrics within groups of subjects; no rows where the study has none."""
        if not self.has_groups:
            return GROUPS.check(pd.DataFrame(columns=GROUPS.column_names), "groups")
        return read_table(GROUPS, self.folder / "statistics/groups.csv")

    def subject_groups(self, cohort: str) -> pd.DataFrame:
        """``groups.csv`` of a cohort: site, sex and other groups of its subjects; no rows where it has none."""
        if not self.groups_of(cohort):
            return SUBJECT_GROUPS.check(pd.DataFrame(columns=SUBJECT_GROUPS.column_names), "groups")
        return read_table(SUBJECT_GROUPS, self.cohort_folder(cohort) / "groups.csv")

    def groups_of(self, cohort: str) -> dict[str, Any]:
        """What the study file says of a cohort's groups; empty where it says nothing."""
        return dict((self.config.get("cohorts") or {}).get(cohort, {}).get("groups") or {})

    def group_by(self, cohort: str) -> str:
        """What is tested as a whole on a cohort, such as site; empty where subjects are dealt."""
        return str((self.config.get("cohorts") or {}).get(cohort, {}).get("group_by") or "")

    @cached_property
    def pairs(self) -> Pairs:
        """Tests between two methods on the study's metric."""
        return Pairs(partial(getattr, self), self.metric)

    @cached_property
    def training(self) -> Training:
        """What arms left while they learned."""
        arms = sorted(self.config.get("arms") or (), key=lambda arm: self.order(Method(arm, "")))
        pictured = [arm for arm in arms if arm in self.looks and self.looks[arm].pictures]
        return Training(self.folder / "pretraining", arms, pictured, self.seeds)

    # ---- files of one cohort

    def cohort_folder(self, cohort: str) -> Path:
        """Where one cohort's manifest, images and splits lie."""
        return self.folder / "cohorts" / cohort

    def cohort_info(self, cohort: str) -> dict[str, Any]:
        """``cohort.json``: adapter, dimensions, subjects, classes, simulated or real."""
        return read_object(self.cohort_folder(cohort) / "cohort.json")

    def is_simulated(self, cohort: str) -> bool:
        """Whether sixgig made the images of a cohort."""
        return bool(self.cohort_info(cohort).get("simulated"))

    def failed_cohort(self, cohort: str) -> str:
        """Why a cohort failed, so that nothing was computed on it; empty for one that did not."""
        return failed_status(self.leakage(cohort)).removeprefix(FAILED)

    def leakage(self, cohort: str) -> dict[str, Any]:
        """``leakage.json``: what the leakage gate checked and found."""
        return read_object(self.cohort_folder(cohort) / "leakage.json")

    def manifest(self, cohort: str) -> pd.DataFrame:
        """``manifest.csv``: one row per image."""
        return read_table(MANIFEST, self.cohort_folder(cohort) / "manifest.csv")

    def splits(self, cohort: str) -> pd.DataFrame:
        """``splits.csv``: role, repeat and fold of every subject."""
        return read_table(SPLITS, self.cohort_folder(cohort) / "splits.csv")

    def remarks(self, cohort: str) -> pd.DataFrame:
        """``remarks.csv``: what is to be known of inputs."""
        return read_table(REMARKS, self.cohort_folder(cohort) / "remarks.csv")

    def quarantine(self, cohort: str) -> pd.DataFrame:
        """``quarantine.csv``: inputs left out."""
        return read_table(QUARANTINE, self.cohort_folder(cohort) / "quarantine.csv")

    def splits_sha256(self, cohort: str) -> str:
        """SHA-256 of ``splits.csv``, in hexadecimal."""
        return file_sha256(existing(self.cohort_folder(cohort) / "splits.csv"))

    def images(self, cohort: str) -> np.ndarray | None:
        """``images.npy`` memory-mapped, uint8 [n_images, H, W, 3]; None when it was deleted to save space."""
        import numpy as np

        path = self.cohort_folder(cohort) / "images.npy"
        return np.load(path, mmap_mode="r") if path.exists() else None

    def volumes(self, cohort: str) -> np.ndarray | None:
        """``volumes.npy`` memory-mapped, float16 [n_volumes, D, H, W, M]; None when it was deleted to save space."""
        import numpy as np

        path = self.cohort_folder(cohort) / "volumes.npy"
        return np.load(path, mmap_mode="r") if path.exists() else None

    def sidecar(self, cohort: str, arm: str) -> dict[str, Any] | None:
        """``features/<cohort>/<arm>.json``; None for an arm that computes no features (majority class)."""
        path = self.folder / "features" / cohort / f"{arm}.json"
        return read_object(path) if path.exists() else None

    def method_facts(self, cohort: str, method: Method) -> dict[str, Any]:
        """``predictions/<cohort>/<arm>.<classifier>.json``; empty when there is none."""
        path = self.folder / "predictions" / cohort / f"{method.arm}.{method.classifier}.json"
        return read_object(path) if path.exists() else {}

    def predictions(self, cohort: str, method: Method) -> pd.DataFrame | None:
        """Out-of-fold predictions of one method, of what metrics count; None when its arm failed and it made none."""
        path = self.folder / "predictions" / cohort / f"{method.arm}.{method.classifier}.csv"
        if not path.exists():
            return None
        frame = read_table(PREDICTIONS, path)
        if IMAGE in frame:
            frame = at_level(frame, self.metrics_of(cohort), self.positive(cohort))
        return frame if len(frame) else None

    def n_classes(self, cohort: str) -> int | None:
        """The number of classes among the cohort's predictions, or None when no method predicted anything."""
        for method in self.methods(cohort):
            predictions = self.predictions(cohort, method)
            if predictions is not None:
                return int(predictions["label"].nunique())
        return None
