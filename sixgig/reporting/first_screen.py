"""What the page says of a cohort before anything is unfolded: the verdict, and what the best arm is worth and takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sixgig.figures.cost_axis import arms_by_time, highest
from sixgig.figures.forest import of_cohort, verdict_words
from sixgig.reporting import verdict
from sixgig.reporting.verdict import Verdict
from sixgig.results.study import Study
from sixgig.verdicts.judging import LEVELS
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import arm_title

#: Figures of the first screen, by kind; all others are folded away.
FIGURES = ("forest", "cost_axis")


@dataclass(frozen=True)
class Answer:
    """One cohort on the first screen: its verdict, that in two words, and facts as name and value."""

    verdict: Verdict
    level: str
    facts: list[tuple[str, str]]


def answers(study: Study) -> dict[str, Answer]:
    """Return the answer of every cohort, by its name."""
    found = {}
    for cohort in study.cohorts:
        judged = verdict.judge(study, cohort)
        found[cohort] = Answer(judged, tr(LEVELS[judged.level]), facts(study, cohort))
    return found


def facts(study: Study, cohort: str) -> list[tuple[str, str]]:
    """Say what the arm with the highest estimate reaches, how far it lies from the cheapest one, and what both take.

    Estimates are those of arms as procedures, which the verdict speaks of, too.

    The cheapest arm is the one that the planned comparisons compare with; where none does, the fastest. Energy is said
    where a card told its power.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        Names and values; none where no arm has an estimate.
    """
    rows = arms_by_time(study, cohort)
    if not len(rows):
        return []
    best = highest(study, rows)
    cheap = _cheapest(study, cohort, rows)
    scored = numbers.with_interval(best["estimate"], best["ci_low"], best["ci_high"])
    found = [(tr("Highest estimate"), f"{_arm(best)}: {scored}")]
    if cheap["arm"] == best["arm"]:
        found.append((tr("Difference from the cheapest"), tr("none: {arm} is the cheapest", arm=_arm(best))))
        found.append((tr("Time"), _time(best)))
    else:
        found.append((tr("Difference from the cheapest"), _difference(study, cohort, best, cheap)))
        both = tr("{time}; the cheapest, {arm}, takes {least}", time=_time(best), arm=_arm(cheap), least=_time(cheap))
        found.append((tr("Time"), both))
    energy = energy_of(study, cohort, str(best["arm"]))
    if energy is not None:
        found.append((tr("Energy of the GPU"), tr("{amount} Wh", amount=numbers.small(energy))))
    return found


def energy_of(study: Study, cohort: str, arm: str) -> float | None:
    """Energy that the card took while an arm was trained and encoded, in watt hours; None where it was not measured.

    It is mean power times duration of each job. A job on a card that did not tell its power makes the sum unknown.
    """
    joules, measured = 0.0, False
    for gpu in _jobs(study, cohort, arm):
        power, seconds = gpu.get("power_mean_watt"), ((gpu.get("series") or {}).get("seconds") or [None])[-1]
        if numbers.is_missing(power) or numbers.is_missing(seconds):
            return None
        joules, measured = joules + float(power or 0) * float(seconds or 0), True
    return joules / 3600 if measured else None


def _jobs(study: Study, cohort: str, arm: str) -> Iterator[dict[str, Any]]:
    """What a card showed during the jobs of an arm; nothing of jobs on a CPU."""
    training = study.training.facts(cohort, arm) if arm in study.training.arms(cohort) else {}
    for facts_of_job in (training, study.sidecar(cohort, arm) or {}):
        if facts_of_job.get("gpu"):
            yield facts_of_job["gpu"]


def _cheapest(study: Study, cohort: str, rows: pd.DataFrame) -> pd.Series:
    planned = of_cohort(study, cohort)
    named = planned[planned["question"] == "baseline"]["b"]
    known = rows[rows["arm"].isin(named)]
    return (known if len(known) else rows).iloc[0]


def _difference(study: Study, cohort: str, best: pd.Series, cheap: pd.Series) -> str:
    planned = of_cohort(study, cohort)
    own = planned[(planned["a"] == best["arm"]) & (planned["b"] == cheap["arm"])]
    if not len(own):
        return tr("{difference}, not tested", difference=numbers.difference(best["estimate"] - cheap["estimate"]))
    row = own.iloc[0]
    shown = numbers.with_interval(row["difference"], row["ci_low"], row["ci_high"], numbers.difference)
    return f"{shown}{numbers.between()}{verdict_words(row)}"


def _time(row: pd.Series) -> str:
    """Wall time, with the minutes on a GPU where there were any."""
    if numbers.is_missing(row["seconds"]):
        return tr("not known")
    whole = numbers.seconds(row["seconds"])
    if "cuda" not in str(row["device"]):
        return tr("{time} on the CPU", time=whole)
    return tr("{time}, of it {minutes} GPU minutes", time=whole, minutes=numbers.small(float(row["learned"]) / 60))


def _arm(row: pd.Series) -> str:
    return arm_title(str(row["arm"]))
