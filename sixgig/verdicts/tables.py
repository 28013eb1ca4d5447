"""The tables of one cohort that its verdict follows from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from sixgig.evaluation.metrics import METRICS
from sixgig.tables.contrasts import ARM_SUMMARY, BEST, CONTRASTS

#: Estimates that differ by less are equal.
TIE = 1e-9
_CONTROL = "control_"
_FAILED = "failed"


@dataclass(frozen=True)
class CohortTables:
    """What a verdict on one cohort is made from; it reads nothing else.

    Attributes:
        cohort: The cohort.
        metric: The study's metric.
        summary: Rows of ``tables.SUMMARY`` of the cohort; they say which arms there are, and which failed.
        arm_summary: Rows of ``tables.ARM_SUMMARY`` of the cohort.
        contrasts: Rows of ``tables.CONTRASTS`` of the cohort.
        alpha: The study's level.
        relevant: The difference that the number of needed subjects is about.
        n_classes: Classes of the cohort; None when nothing was predicted.
        learning: Arms that are trained on the cohort.
        seconds: What an arm took, where it is known.
        test_pairs: Rows of ``tables.TEST_PAIRS`` of the cohort; None without test sets.
        failure: Why the whole cohort failed; empty when it did not.
    """

    cohort: str
    metric: str
    summary: pd.DataFrame
    arm_summary: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=ARM_SUMMARY.column_names))
    contrasts: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=CONTRASTS.column_names))
    alpha: float = 0.05
    relevant: float = 0.05
    n_classes: int | None = None
    learning: frozenset[str] = frozenset()
    seconds: Mapping[str, float] = field(default_factory=dict)
    test_pairs: pd.DataFrame | None = None
    failure: str = ""

    @property
    def sign(self) -> int:
        """1 when a higher metric is better, else -1."""
        return 1 if METRICS[self.metric].higher_is_better else -1

    @property
    def arms(self) -> list[str]:
        """Arms and controls in the order of the summary."""
        return [str(arm) for arm in self.summary["arm"].unique()]

    @property
    def rivals(self) -> list[str]:
        """Arms without controls, failed ones included."""
        return [arm for arm in self.arms if not is_control(arm)]

    @property
    def procedures(self) -> dict[str, pd.Series]:
        """Rows of the arms and controls that have an estimate as a procedure, and of ``best``."""
        known = self.arm_summary[self.arm_summary["estimate"].notna()]
        return {str(row["arm"]): row for _, row in known.iterrows()}

    @property
    def done(self) -> list[str]:
        """Arms without controls that have an estimate."""
        return [arm for arm in self.rivals if arm in self.procedures and arm != BEST]

    @property
    def failed(self) -> list[str]:
        """Arms without controls that have none."""
        return [arm for arm in self.rivals if arm not in self.done]

    def estimate(self, arm: str) -> float:
        """The estimate of an arm that has one."""
        return float(self.procedures[arm]["estimate"])

    def top(self, arms: list[str]) -> list[str]:
        """Those of some arms that share the best estimate."""
        if not arms:
            return []
        highest = max(self.sign * self.estimate(arm) for arm in arms)
        return [arm for arm in arms if highest - self.sign * self.estimate(arm) <= TIE]

    def guess(self) -> float | None:
        """What guessing gives: by the metric, else by the majority class where it ran; None when neither tells."""
        known = METRICS[self.metric].guess
        if known and self.n_classes:
            return known(self.n_classes)
        alone = [arm for arm in self.arms if is_control(arm) and not self._has_network(arm)]
        floors = [self.estimate(arm) for arm in alone if arm in self.procedures]
        return max(floors) if floors else None

    def _has_network(self, control: str) -> bool:
        """Whether a control has features, and so the classifiers of the arms."""
        own = set(self.summary[self.summary["arm"] == control]["classifier"])
        arms = set(self.summary[~self.summary["arm"].map(is_control).astype(bool)]["classifier"])
        return bool(own & arms)


def is_control(arm: str) -> bool:
    """Whether an arm is a control, which no verdict may name as the best."""
    return str(arm).startswith(_CONTROL)


def is_failed(status: str) -> bool:
    """Whether a status of the summary says that the arm failed."""
    return str(status).startswith(_FAILED)
