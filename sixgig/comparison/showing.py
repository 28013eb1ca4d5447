"""A comparison of two studies as text, JSON and a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from sixgig.comparison.paired import CohortComparison, Paired, compare_cohort
from sixgig.comparison.same_data import common_cohorts
from sixgig.comparison.settings import Difference, differing_settings, differing_versions
from sixgig.comparison.verdicts import Verdicts, verdicts_of
from sixgig.results.study import Method, Study
from sixgig.words import numbers
from sixgig.words.language import speaking
from sixgig.words.showing import showing
from sixgig.words.titles import cohort_title, method_title, metric_words

_COLUMNS = (
    "method", "A", "B", "A - B", "{level} interval", "p (Holm)", "P(A better)", "P(same)", "P(B better)",
    "only A right", "only B right", "p McNemar", "AUC A - B", "p DeLong", "verdict",
)  # fmt: skip
_VERDICTS = {"a better": "A better", "b better": "B better"}
_NOTES = (
    "A, B: estimates of summary.csv; A - B: mean over the folds, Nadeau-Bengio corrected resampled t-test, Holm's "
    "correction over the methods of the cohort; P: Bayesian correlated t-test with the study's region of practical "
    "equivalence; McNemar's and DeLong's tests are over subjects and uncorrected."
)
_STYLE = "body{font:15px sans-serif;margin:2em}table{border-collapse:collapse}td,th{padding:.3em .7em;text-align:left}"


@dataclass(frozen=True)
class Comparison:
    """What differs between two studies, and what they found.

    Attributes:
        a: The first study.
        b: The second study.
        settings: Keys of the study files that differ.
        versions: Versions that differ.
        cohorts: The cohorts that both have.
        left_out: Cohorts of one study only, each with the study.
        verdicts: What each study shows of the cohorts that both have.
    """

    a: Study
    b: Study
    settings: list[Difference]
    versions: list[Difference]
    cohorts: list[CohortComparison]
    left_out: dict[str, str]
    verdicts: dict[str, Verdicts]


def compare_studies(a: Study, b: Study) -> Comparison:
    """Compare two studies whose cohorts and splits are the same.

    Raises:
        SixgigError: They are not, see :func:`sixgig.comparison.same_data.common_cohorts`; or a table is damaged.
    """
    common = common_cohorts(a, b)
    left_out = {cohort: f"only in {s.folder}" for s in (a, b) for cohort in s.cohorts if cohort not in common}
    cohorts = [compare_cohort(a, b, cohort) for cohort in common]
    verdicts = {cohort: verdicts_of(a, b, cohort) for cohort in common}
    return Comparison(a, b, differing_settings(a, b), differing_versions(a, b), cohorts, left_out, verdicts)


def as_json(found: Comparison) -> dict[str, Any]:
    """Return a comparison as what JSON can hold; numbers that are not defined are null."""
    return {
        "a": str(found.a.folder),
        "b": str(found.b.folder),
        "metric": found.a.metric,
        "alpha": found.a.alpha,
        "settings": [difference._asdict() for difference in found.settings],
        "versions": [difference._asdict() for difference in found.versions],
        "cohorts": [
            {
                "cohort": own.cohort, "verdicts": _json_of(found.verdicts[own.cohort]),
                "n_subjects": own.n_subjects, "n_folds": own.n_folds, "n_repeats": own.n_repeats,
                "methods": [paired.as_json() for paired in own.methods],
                "identical": own.identical, "left_out": own.left_out,
            }
            for own in found.cohorts
        ],
        "left_out": found.left_out,
    }  # fmt: skip


def _json_of(found: Verdicts) -> dict[str, Any]:
    sides = (("a", found.a), ("b", found.b))
    return {name: {"level": own.level, "headline": own.headline} for name, own in sides} | {"differ": found.differ}


def as_text(found: Comparison) -> str:
    """Return a comparison as text for a terminal."""
    with showing(found.a), speaking("en"):
        return _as_text(found)


def _as_text(found: Comparison) -> str:
    lines = [f"A  {found.a.folder}  {found.a.title}", f"B  {found.b.folder}  {found.b.title}", ""]
    for title, differences in _differences(found):
        lines += [title, *(f"  {line}" for line in _aligned([[key, f"{a} -> {b}"] for key, a, b in differences])), ""]
    for own in found.cohorts:
        lines += [_heading(own, found.a), *(f"  {line}" for line in _verdicts(found.verdicts[own.cohort]))]
        lines += [f"  {line}" for line in _aligned(_rows(own, found.a.alpha))]
        lines += [*(f"  {line}" for line in _remarks(own)), ""]
    lines += [f"not compared: {cohort_title(name)} ({reason})" for name, reason in found.left_out.items()]
    return "\n".join([*lines, _NOTES])


def as_html(found: Comparison) -> str:
    """Return a comparison as one page that needs nothing else."""
    with showing(found.a), speaking("en"):
        return _as_html(found)


def _as_html(found: Comparison) -> str:
    parts = [f"<h1>{escape(found.a.title)} (A) and {escape(found.b.title)} (B)</h1>"]
    parts += [f"<p>A: {escape(str(found.a.folder))}<br>B: {escape(str(found.b.folder))}</p>"]
    for title, differences in _differences(found):
        parts += [f"<h2>{escape(title)}</h2>", _table([["key", "A", "B"], *map(list, differences)])]
    for own in found.cohorts:
        parts += [f"<h2>{escape(_heading(own, found.a))}</h2>"]
        parts += [f"<p>{escape(line)}</p>" for line in _verdicts(found.verdicts[own.cohort])]
        parts += [_table(_rows(own, found.a.alpha))]
        parts += [f"<p>{escape(line)}</p>" for line in _remarks(own)]
    parts += [
        f"<p>not compared: {escape(f'{cohort_title(name)} ({reason})')}</p>" for name, reason in found.left_out.items()
    ]
    head = f'<meta charset="utf-8"><title>Comparison of two studies</title><style>{_STYLE}</style>'
    return f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{"".join(parts)}<p>{_NOTES}</p></body></html>\n'


def _differences(found: Comparison) -> list[tuple[str, list[Difference]]]:
    parts = [
        ("The study files do not differ.", [])
        if not found.settings
        else ("What differs in the study files", found.settings)
    ]
    return parts + ([("What differs in versions", found.versions)] if found.versions else [])


def _heading(own: CohortComparison, a: Study) -> str:
    return (
        f"{cohort_title(own.cohort)}: {metric_words(a.metric)}, {own.n_subjects} subjects, {own.n_folds} folds, "
        f"{own.n_repeats} {'repeat' if own.n_repeats == 1 else 'repeats'}"
    )


def _remarks(own: CohortComparison) -> list[str]:
    same = [f"the same predictions in both: {', '.join(map(_title, own.identical))}"] if own.identical else []
    return same + [f"not compared: {_title(name)} ({reason})" for name, reason in own.left_out.items()]


def _title(name: str) -> str:
    """Return the title of a method whose arm and classifier are named."""
    arm, _, classifier = name.rpartition(" ")
    return method_title(Method(arm, classifier))


def _verdicts(found: Verdicts) -> list[str]:
    """Return the verdict of each study, and whether they differ."""
    if not found.differ and found.a.headline == found.b.headline:
        return [f"verdict of both: {found.a.headline}"]
    said = "the verdicts differ" if found.differ else "the verdicts agree"
    return [f"verdict of A: {found.a.headline}", f"verdict of B: {found.b.headline}", said]


def _rows(own: CohortComparison, alpha: float) -> list[list[str]]:
    """Return the table of a cohort as text, its head first; without the columns that nothing stands in."""
    if not own.methods:
        return []
    rows = [
        [title.format(level=numbers.level(alpha)) for title in _COLUMNS],
        *(_cells(paired) for paired in own.methods),
    ]
    kept = [n for n in range(len(_COLUMNS)) if any(row[n] != "-" for row in rows[1:])]
    return [[row[n] for n in kept] for row in rows]


def _cells(found: Paired) -> list[str]:
    interval = "-" if math.isnan(found.ci_low) else f"{found.ci_low:+.3f} to {found.ci_high:+.3f}"
    return [
        method_title(Method(found.arm, found.classifier)), _number(found.a), _number(found.b),
        _number(found.difference, "+.3f"), interval,
        _p(found.p_holm), _number(found.p_a_better, ".2f"), _number(found.p_equivalent, ".2f"),
        _number(found.p_b_better, ".2f"), str(found.only_a_right), str(found.only_b_right), _p(found.p_mcnemar),
        _number(found.auc_difference, "+.3f"), _p(found.p_delong), _VERDICTS.get(found.verdict, found.verdict),
    ]  # fmt: skip


def _number(value: float, form: str = ".3f") -> str:
    return "-" if math.isnan(value) else f"{value:{form}}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _table(rows: Sequence[Sequence[str]]) -> str:
    if len(rows) < 2:
        return ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows[1:])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
