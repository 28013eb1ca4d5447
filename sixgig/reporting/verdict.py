"""Turns the tables of one cohort into plain sentences that are never more certain than the test behind them.

Only a test may say "better": the corrected resampled t-test or, for a pair with the same difference in every fold,
which that test cannot judge, McNemar's exact test. A higher estimate alone never does. A control is never named as the
best method. The rules are spelled out in :func:`judge` and :func:`finding`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from sixgig.evaluation.metrics import METRICS
from sixgig.figures.intervals import guessing
from sixgig.results.study import Method, Study, is_failed
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.showing import look_of
from sixgig.words.titles import arm_title, lower_case, method_title, metric_title


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
    failed = study.failed_cohort(cohort)
    if failed:
        headline = tr("This cohort failed, and nothing was computed on it: {reason}.", reason=failed)
        return Verdict(cohort, "failed", headline, [])
    rows = study.estimates(cohort)
    done = {method: row for method, row in rows.items() if not numbers.is_missing(row["estimate"])}
    ranked = sorted((method for method in done if not method.is_control), key=lambda m: -float(done[m]["estimate"]))
    if not ranked:
        return Verdict(cohort, "failed", tr("No arm finished on this cohort."), _trouble(rows))

    best = ranked[0]
    others = [method for method in ranked if method.arm != best.arm]
    findings = {method: finding(study, cohort, best, method) for method in others}
    level, headline = _below_control(study, cohort, ranked, list(done)) or _headline(best, findings)
    sentences = [_best_sentence(study, cohort, best, done[best])]
    rivals = others[:1]
    if rivals and not _is_reference(study, rivals[0]):
        rivals += [method for method in others[1:] if _is_reference(study, method)][:1]
    sentences += [_compare(study, cohort, best, method) for method in [*rivals, *_controls(study, done)]]
    return Verdict(cohort, level, headline, sentences + _trouble(rows))


def finding(study: Study, cohort: str, a: Method, b: Method) -> str:
    """Say what the tests find about two methods on the study's metric.

    The corrected resampled t-test decides. Where every fold shows the same difference it is not defined; then McNemar's
    exact test over subjects decides, if it points the same way as the difference, since it is about accuracy only.

    Args:
        study: The study.
        cohort: The cohort.
        a: One method.
        b: Another method.

    Returns:
        ``a better``, ``b better``, ``within noise``, ``not testable``, or ``not tested`` when the two share no folds.
    """
    row = study.pairs.row(cohort, a, b)
    if row is None:
        return "not tested"
    if row["verdict"] != "not testable":
        return str(row["verdict"])
    ahead = "a better" if (row["difference"] > 0) == METRICS[study.metric].higher_is_better else "b better"
    subjects = study.pairs.row(cohort, a, b, "mcnemar")
    return ahead if subjects is not None and subjects["verdict"] == ahead else "not testable"


def _controls(study: Study, done: dict[Method, pd.Series]) -> list[Method]:
    """The best method of every control, where they exist."""
    found: dict[str, Method] = {}
    for method in sorted(done, key=lambda m: -float(done[m]["estimate"])):
        if method.is_control:
            found.setdefault(method.arm, method)
    return sorted(found.values(), key=study.order)


def _is_reference(study: Study, method: Method) -> bool:
    """Whether the arm is one that every verdict compares the best one with: the first of a kind that is a reference."""
    return method.arm in study.looks and study.looks[method.arm].reference


def _below_control(study: Study, cohort: str, ranked: list[Method], done: list[Method]) -> tuple[str, str] | None:
    """Level and headline when the best method is not found better than a control; None when it is."""
    nobody, best = [], []  # controls that no method is found better than, or not the best one
    for control in dict.fromkeys(method.arm for method in sorted(done, key=study.order) if method.is_control):
        look = look_of(control)
        name = tr(look.words, network=look.network) if look else arm_title(control)
        floors = [method for method in done if method.arm == control]
        beaten = [all(finding(study, cohort, method, floor) == "a better" for floor in floors) for method in ranked]
        if not any(beaten):
            nobody.append(name)
        elif not beaten[0]:
            best.append(name)
    if nobody:
        return "control", tr("No arm is shown to be better than {name}.", name=tr(" or ").join(nobody))
    if best:
        return "control", tr(
            "{best} scored highest, but is not shown to be better than {name}.",
            best=method_title(ranked[0]),
            name=tr(" or ").join(best),
        )
    return None


#: Arms that a headline names; of more it gives the number.
_MOST_NAMED = 4


def _headline(best: Method, findings: dict[Method, str]) -> tuple[str, str]:
    """Level and headline from what the tests find about the best method and the methods of other arms."""
    title = method_title(best)
    if not findings:
        return "noise", tr("{best} scored highest, with no other arm to compare it with.", best=title)
    level = {method: found for method, found in findings.items() if found != "a better"}
    if not level:
        return "better", tr("{best} is better than every other arm.", best=title)
    arms = list(dict.fromkeys(method.arm for method in level))
    names = tr(" and ").join(arm_title(arm) for arm in arms)
    if len(arms) > _MOST_NAMED:
        names = tr("{number} other arms", number=len(arms))
    if set(level.values()) == {"within noise"}:
        return "noise", tr(
            "No clear winner: {best} scored highest, but within noise of {names}.", best=title, names=names
        )
    return "noise", tr(
        "No clear winner: {best} scored highest, but is not shown to be better than {names}.", best=title, names=names
    )


def _best_sentence(study: Study, cohort: str, best: Method, row: pd.Series) -> str:
    if numbers.is_missing(row["ci_low"]) or numbers.is_missing(row["ci_high"]):
        facts = [tr("no 95% interval, because resampling cannot vary it")]
    else:
        facts = [tr("95% interval {interval}", interval=numbers.interval(row["ci_low"], row["ci_high"]))]
    facts.append(numbers.plural(int(row["n_subjects"]), "subject"))
    if not numbers.is_missing(row.get("n_images")):
        facts.append(numbers.plural(int(row["n_images"]), "image"))
    level = guessing(study.metric, study.n_classes(cohort))
    if level is not None:
        facts.append(tr("guessing gives {score}", score=numbers.score(level)))
    metric = lower_case(metric_title(study.metric))
    return tr(
        "{best} has the highest {metric}: {score} ({facts}).",
        best=method_title(best),
        metric=metric,
        score=numbers.score(row["estimate"]),
        facts=numbers.between().join(facts),
    )


def _compare(study: Study, cohort: str, best: Method, other: Method) -> str:
    """One sentence about the best method against another one, and one about what may have been missed."""
    row, title, alpha = study.pairs.row(cohort, best, other), method_title(other), study.alpha
    if row is None:
        return tr("It was not tested against {method}.", method=title)
    if row["verdict"] == "not testable":
        return _compare_subjects(study, cohort, best, other, row["difference"])
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
    if float(row["p_value"]) < alpha:
        family = study.pairwise[(study.pairwise["cohort"] == cohort) & (study.pairwise["metric"] == study.metric)]
        facts += tr(
            "; {p} before correction for {family} comparisons",
            p=numbers.p_equation(row["p_value"], alpha),
            family=int(family["p_value"].notna().sum()),
        )
    sentence = tr(
        "It is within noise of {method} ({facts}): this study does not show which of the two is better.",
        method=title,
        facts=facts,
    )
    return sentence + _unseen(row["detectable"])


def _unseen(detectable: float) -> str:
    """What these folds could have missed; nothing when every fold shows the two methods level."""
    if numbers.is_missing(detectable):
        return ""
    if detectable >= 1:
        return " " + tr("With these folds even the largest true difference may go unseen.")
    return " " + tr(
        "With these folds a true difference below {difference} may go unseen.", difference=numbers.score(detectable)
    )


def _compare_subjects(study: Study, cohort: str, best: Method, other: Method, difference: float) -> str:
    """One sentence about two methods with the same difference in every fold, based on McNemar's test."""
    title = method_title(other)
    start = tr(
        "Every fold shows the same difference to {method}, {difference}, so the t-test is not defined",
        method=title,
        difference=numbers.difference(difference),
    )
    row = study.pairs.row(cohort, best, other, "mcnemar")
    if row is None:
        return start + "."
    only_a, of_images = int(row["only_a_right"]), study.metrics_of(cohort) == "image"
    facts = tr(
        "it alone is right about {only_a}, the other alone about {only_b}, corrected {p}",
        only_a=numbers.plural(only_a, "image") if of_images else numbers.plural(only_a, "subject"),
        only_b=numbers.count(row["only_b_right"]),
        p=numbers.p_equation(row["p_holm"], study.alpha),
    )
    words = {
        "a better": tr(
            "McNemar's exact test over subjects finds that it is right about more images ({facts}).", facts=facts
        )
        if of_images
        else tr("McNemar's exact test finds that it is right about more subjects ({facts}).", facts=facts),
        "b better": tr(
            "McNemar's exact test finds that {method} is right about more ({facts}).", method=title, facts=facts
        ),
    }
    level = (
        tr(
            "McNemar's exact test over subjects does not show which of the two is right about more images ({facts}).",
            facts=facts,
        )
        if of_images
        else tr(
            "McNemar's exact test does not show which of the two is right about more subjects ({facts}).", facts=facts
        )
    )
    return f"{start}; {words.get(str(row['verdict']), level)}"


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
