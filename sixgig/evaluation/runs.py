"""The runs of a method with several seeds, taken together: predictions, scores and status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from sixgig.arms.seeds import arm_and_seed
from sixgig.evaluation.levels import at_level
from sixgig.evaluation.metrics import METRICS
from sixgig.evaluation.seeds import SeedSpread, seed_variance, widened
from sixgig.runtime.outcomes import FAILED
from sixgig.tables.predictions import PREDICTIONS

Key = tuple[str, ...]
_FALLBACK = "fallback: "


class Run(NamedTuple):
    """What one run of a method left.

    Attributes:
        seed: Number of its seed, from 0.
        predictions: ``tables.PREDICTIONS``; without rows when it failed.
        status: ``ok``, ``fallback: what`` or ``failed: reason``.
    """

    seed: int
    predictions: pd.DataFrame
    status: str

    @property
    def failed(self) -> bool:
        """Whether there are no predictions."""
        return len(self.predictions) == 0


def runs_of(keys: Iterable[Key], place: int = 1) -> dict[Key, list[Key]]:
    """Return the runs of every method: its key, which names the arm, to the keys of its files, by number of the seed.

    Args:
        keys: Such as cohort, arm and classifier, with the name of a run for the arm.
        place: Where in a key the arm stands.
    """
    found: dict[Key, list[Key]] = {}
    for key in keys:
        found.setdefault((*key[:place], arm_and_seed(key[place])[0], *key[place + 1 :]), []).append(key)
    return {method: sorted(runs, key=lambda key: seed_number(key, place)) for method, runs in found.items()}


def seed_number(key: Key, place: int = 1) -> int:
    """Return the number of the seed of a run's key, in which the arm stands at a place."""
    return arm_and_seed(key[place])[1]


def read_runs(
    files: Mapping[Key, Path], runs: Sequence[Key], metrics_of: str, positive: str | None, place: int = 1
) -> list[Run]:
    """Return the runs of a method that have predictions, of what metrics count, by number of the seed.

    Args:
        files: Predictions by key.
        runs: The keys of the method's runs; those without a file are left out.
        metrics_of: ``subject`` or ``image``.
        positive: See ``sixgig.evaluation.metrics.positive_class``.
        place: Where in a key the arm stands.
    """
    known = [run for run in runs if run in files and _has_rows(files[run])]
    tables = {seed_number(run, place): PREDICTIONS.read(files[run]) for run in known}
    return [Run(seed, at_level(rows, metrics_of, positive), "ok") for seed, rows in tables.items() if len(rows)]


def _has_rows(file: Path) -> bool:
    """Whether a table has more than its header, which is quickly seen; a missing one is the reader's to tell."""
    try:
        with file.open("rb") as lines:
            return len(lines.readline()) == 0 or bool(lines.readline().strip())
    except OSError:
        return True


def seed_of_repeat(runs: Sequence[Run]) -> dict[int, int]:
    """Return the number of the seed behind every repeat of :func:`joined` predictions."""
    good = [run for run in runs if not run.failed]
    repeats = _repeats(good[0].predictions) if good else 0
    return {place * repeats + repeat: run.seed for place, run in enumerate(good) for repeat in range(repeats)}


def joined(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the predictions of all runs that did not fail, each run's repeats as further repeats.

    So a mean over repeats is one over seeds, too, and a resample of subjects draws the same ones in every run.

    Returns:
        ``tables.PREDICTIONS``; those of the only run as they are; without rows when all failed.
    """
    good = [run.predictions for run in runs if not run.failed]
    if len(good) < 2:
        return good[0] if good else runs[0].predictions
    repeats = _repeats(good[0])
    parts = [rows.assign(repeat=rows["repeat"] + place * repeats) for place, rows in enumerate(good)]
    return pd.concat(parts, ignore_index=True)


def by_seed(metrics: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    """Return the fold scores of :func:`joined` predictions with their own repeats, and the number of their seed."""
    good = [run for run in runs if not run.failed]
    if not good:
        return metrics.assign(seed=pd.Series(dtype="Int64"))
    place, repeat = np.divmod(metrics["repeat"].to_numpy(dtype=int), _repeats(good[0].predictions))
    seeds = np.array([run.seed for run in good])[place]
    return metrics.assign(repeat=repeat, seed=seeds).sort_values("seed", kind="stable", ignore_index=True)


def with_spread(summary: pd.DataFrame, metrics: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Add to the summary of a method how many seeds it has, and how far their scores lie apart; widen its intervals.

    Each side of an interval counts as a normal quantile times an error. To the square of this comes
    ``seed_sd**2 / n_seeds``, and the quantile is Student's with the degrees of freedom of
    :func:`sixgig.evaluation.seeds.with_seeds`. A mean over subjects (Brier) is widened on the scale of logarithms, as
    its interval is made there. One seed, or seeds that agree, leave an interval as it is.

    Args:
        summary: Rows of ``tables.SUMMARY``, one per metric, whose intervals know nothing of seeds.
        metrics: Its fold scores with the column ``seed``; without rows when it failed.
        alpha: 1 minus the level of the intervals.

    Returns:
        The rows with ``n_seeds`` and ``seed_sd``; the second is empty with one seed.
    """
    spreads = {
        str(metric): seed_variance(rows)
        for metric, rows in metrics.dropna(subset="value").groupby("metric", sort=False)
    }
    names = summary["metric"].astype(str)
    n_seeds = metrics["seed"].nunique() or pd.NA
    sds = [spreads[name].sd if name in spreads else float("nan") for name in names]
    ends = [
        widen_metric(name, estimate, low, high, spreads.get(name), alpha)
        for name, estimate, low, high in zip(
            names, *(summary[end].to_numpy(dtype=float) for end in ("estimate", "ci_low", "ci_high")), strict=True
        )
    ]
    return summary.assign(
        ci_low=[low for low, _ in ends],
        ci_high=[high for _, high in ends],
        n_seeds=pd.array([n_seeds] * len(names), dtype="Int64"),
        seed_sd=sds,
    )


def status_of(runs: Sequence[Run]) -> str:
    """Return the status of a method: of its only run, or what was given up in some, and which of them failed.

    A method has failed when all of its runs have; the reason is then the first one's.
    """
    failed = [run for run in runs if run.failed]
    if len(failed) == len(runs) or len(runs) == 1:
        return runs[0].status
    notes = [run.status.removeprefix(_FALLBACK) for run in runs if run.status.startswith(_FALLBACK)]
    if failed:
        reasons = "; ".join(f"seed {run.seed}: {run.status.removeprefix(FAILED)}" for run in failed)
        kept = len(runs) - len(failed)
        notes.append(f"{len(failed)} of {len(runs)} seeds failed ({reasons}), and scores are of the other {kept}")
    return f"{_FALLBACK}{'; '.join(dict.fromkeys(notes))}" if notes else "ok"


def widen_metric(
    name: str, estimate: float, low: float, high: float, spread: SeedSpread | None, alpha: float
) -> tuple[float, float]:
    """Return the ends of a metric's interval with the spread between seeds; see :func:`with_spread`."""
    if spread is None:
        return low, high
    family = METRICS[name].family
    if family == "mean" and low > 0:
        center, lowest, highest = np.log([estimate, low, high]).tolist()
        spread = spread._replace(variance=spread.variance / estimate**2)
        below, above = widened(center, lowest, highest, spread, alpha, (-np.inf, np.inf))
        return float(np.exp(below)), float(np.exp(above))
    return widened(estimate, low, high, spread, alpha, (-1.0 if family == "confusion" else 0.0, 1.0))


def _repeats(predictions: pd.DataFrame) -> int:
    return int(predictions["repeat"].max()) + 1
