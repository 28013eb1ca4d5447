"""Turns the tables of one cohort into plain sentences that are never more certain than the test behind them.

Only the ``verdict`` column of the pairwise table may say "better"; a higher estimate alone never does. A control is
never named as the best method. The rules are spelled out in :func:`judge`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from sixgig.figures.intervals import guessing, n_classes
from sixgig.figures.style import arm_title, lower_case, method_title, metric_title
from sixgig.language import current, tr
from sixgig.reporting import numbers
from sixgig.study import Method, Study, is_failed

_RANDOM = "control_random_vit"
_MAJORITY = "control_majority_class"


@dataclass(frozen=True)
class Verdict:
    """What one cohort shows: a headline, the sentences under it, and a level for its colour.

    ``level`` is ``better`` (an arm beats every other arm and the random-weight control), ``noise`` (no clear winner),
    ``control`` (not even better than a control) or ``failed`` (no arm finished).
    """

    cohort: str
    level: str
    headline: str
    sentences: list[str] = field(default_factory=list)


def judge(study: Study, cohort: str) -> Verdict:
    """Say what one cohort shows.

    Rules, in order: no arm finished -> ``failed``. The best method (highest estimate among the arms, controls apart) is
    not found better than the best random-weight method, or than the majority class -> ``control``. Some method of
    another arm is not found worse than the best method -> ``noise``. Otherwise -> ``better``.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        The verdict on the study's metric.
    """
    rows = study.estimates(cohort)
    done = {method: row for method, row in rows.items() if not numbers.is_missing(row["estimate"])}
    ranked = sorted((method for method in done if not method.is_control), key=lambda m: -float(done[m]["estimate"]))
    if not ranked:
        return Verdict(cohort, "failed", tr("No arm finished on this cohort."), _trouble(rows))

    best = ranked[0]
    others = [method for method in ranked if method.arm != best.arm]
    pairs = {method: study.pair(cohort, best, method) for method in done if method != best}
    level, headline = _below_control(study, cohort, ranked, list(done)) or _headline(best, others, pairs)
    sentences = [_best_sentence(study, cohort, best, done[best])]
    rivals = others[:1] + [method for method in others[1:] if method.arm == "vit_pure"][:1]
    if len(rivals) == 2 and rivals[0].arm == "vit_pure":
        rivals.pop()
    family = len(study.pairwise[(study.pairwise["cohort"] == cohort) & (study.pairwise["metric"] == study.metric)])
    for method in [*rivals, *_controls(done)]:
        sentences.append(_compare(pairs[method], method_title(method), study.alpha, family))
    return Verdict(cohort, level, headline, sentences + _trouble(rows))


def _controls(done: dict[Method, pd.Series]) -> list[Method]:
    """The best random-weight method and the majority class, where they exist."""
    random = sorted((method for method in done if method.arm == _RANDOM), key=lambda m: -float(done[m]["estimate"]))
    return random[:1] + [method for method in done if method.arm == _MAJORITY]


def _is_better(row: pd.Series | None) -> bool:
    return row is not None and row["verdict"] == "a better"


def _below_control(study: Study, cohort: str, ranked: list[Method], done: list[Method]) -> tuple[str, str] | None:
    """Level and headline when the best method is not found better than a control; None when it is."""
    for control, name in (
        (_RANDOM, tr("the same ViT with random weights")),
        (_MAJORITY, tr("always naming the largest class")),
    ):
        floors = [method for method in done if method.arm == control]
        beaten = [all(_is_better(study.pair(cohort, method, floor)) for floor in floors) for method in ranked]
        if not any(beaten):
            return "control", tr("No arm is shown to be better than {name}.", name=name)
        if not beaten[0]:
            return "control", tr(
                "{best} scored highest, but is not shown to be better than {name}.",
                best=method_title(ranked[0]),
                name=name,
            )
    return None


def _headline(best: Method, others: list[Method], pairs: dict[Method, pd.Series | None]) -> tuple[str, str]:
    title = method_title(best)
    if not others:
        return "noise", tr("{best} scored highest, with no other arm to compare it with.", best=title)
    level_arms = list(dict.fromkeys(method.arm for method in others if not _is_better(pairs[method])))
    if level_arms:
        names = tr(" and ").join(arm_title(arm) for arm in level_arms)
        return "noise", tr(
            "No clear winner: {best} scored highest, but within noise of {names}.", best=title, names=names
        )
    return "better", tr("{best} is better than every other arm.", best=title)


def _best_sentence(study: Study, cohort: str, best: Method, row: pd.Series) -> str:
    facts = [tr("95% interval {interval}", interval=numbers.interval(row["ci_low"], row["ci_high"]))]
    facts.append(numbers.plural(int(row["n_subjects"]), "subject"))
    level = guessing(study.metric, n_classes(study, cohort))
    if level is not None:
        facts.append(tr("guessing gives {score}", score=numbers.score(level)))
    metric = lower_case(metric_title(study.metric))
    return tr(
        "{best} has the highest {metric}: {score} ({facts}).",
        best=method_title(best),
        metric=metric,
        score=numbers.score(row["estimate"]),
        facts="; ".join(facts) if current() != "en" else ", ".join(facts),
    )


def _compare(row: pd.Series | None, title: str, alpha: float, family: int) -> str:
    """One sentence about the best method against another one."""
    if row is None:
        return tr("It was not tested against {method}.", method=title)
    facts = tr(
        "difference {difference}, 95% interval {interval}, corrected {p}",
        difference=numbers.difference(row["difference"]),
        interval=numbers.interval(row["ci_low"], row["ci_high"], numbers.difference),
        p=numbers.p_equation(row["p_holm"], alpha),
    )
    if row["verdict"] == "a better":
        return tr("It is better than {method} ({facts}).", method=title, facts=facts)
    if row["verdict"] == "b better":
        return tr(
            "The paired test favours {method} over it ({facts}), so its higher estimate cannot be trusted.",
            method=title,
            facts=facts,
        )
    if not numbers.is_missing(row["p_value"]) and float(row["p_value"]) < alpha:
        facts += tr(
            "; {p} before correction for {family} comparisons",
            p=numbers.p_equation(row["p_value"], alpha),
            family=family,
        )
    return tr(
        "It is within noise of {method} ({facts}): this study does not show which of the two is better.",
        method=title,
        facts=facts,
    )


def _trouble(rows: dict[Method, pd.Series]) -> list[str]:
    """Sentences on arms that failed or fell back, one per arm and status."""
    seen: dict[tuple[str, str], None] = {}
    for method, row in rows.items():
        if str(row["status"]) != "ok":
            seen[method.arm, str(row["status"])] = None
    sentences = []
    for arm, status in seen:
        reason = status.partition(":")[2].strip() or tr("no reason given")
        if is_failed(status):
            sentences.append(
                tr("{arm} failed and has no result: {reason}.", arm=arm_title(arm), reason=reason.rstrip("."))
            )
        else:
            sentences.append(tr("{arm} ran with a fallback: {reason}.", arm=arm_title(arm), reason=reason.rstrip(".")))
    return sentences
