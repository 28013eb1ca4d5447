"""The sentences under a verdict: each says what one row of a table says, and no more."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from sixgig.arms.registry import is_control
from sixgig.tables.contrasts import BEST, NOT_TESTABLE
from sixgig.verdicts.deciding import NO_CONTROL, Decision, barriers, tested
from sixgig.verdicts.headlines import listed, named
from sixgig.verdicts.promises import broken_promises
from sixgig.verdicts.tables import CohortTables, is_failed
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.said_by_jobs import said as said_by_job
from sixgig.words.titles import arm_title, lower_case, metric_title, place_title

#: What ends the reason of a contrast with an arm that has no scores.
_WITHOUT = " without scores"
#: Reasons for which a contrast is not testable, as the table has them.
REASONS = ("every fold shows the same difference", "fewer than two shared folds")
_TURNED = {"a better": "b better", "b better": "a better"}


def sentences(tables: CohortTables, found: Decision) -> list[str]:
    """Return the sentences under a verdict.

    Args:
        tables: The tables of the cohort.
        found: What :func:`sixgig.verdicts.deciding.decide` finds in them.
    """
    if found.reason == "cohort":
        return []
    said = []
    if found.leaders:
        said += [_highest(tables, found), *_selected(tables, found)]
        said += _comparisons(tables, found)
        said += [*_needed(tables, found), *_uncontrolled(tables, found), *_test_sets(tables, found)]
        said += broken_promises(tables, {*found.leaders, *found.chosen})
        said += _seeds(tables, found)
    return said + trouble(tables)


def spoken(tables: CohortTables, found: Decision) -> list[pd.Series]:
    """Return the contrasts that sentences tell: of the arms that the verdict is about, and differences of others."""
    about = set(found.leaders) | (set(found.chosen) if found.level in ("better", "equivalent") else set())
    rows = [row for _, row in tables.contrasts.iterrows()]
    own = [row for row in rows if row["a"] in about or (row["b"] in about and not is_control(row["b"]))]
    shown = ("a better", "b better", "equivalent")
    return own + [
        row for row in rows
        if row["verdict"] in shown and not is_control(row["b"]) and not any(row is other for other in own)
    ]  # fmt: skip


def _comparisons(tables: CohortTables, found: Decision) -> list[str]:
    """One sentence for every contrast that is told; of several undecided ones with the same arm, one together."""
    rows = spoken(tables, found)
    open_rows = [row for row in rows if row["verdict"] == "undecided" and not is_control(row["b"])]
    said = [compared(tables, row) for row in rows if not any(row is other for other in open_rows)]
    for arm in dict.fromkeys(str(row["b"]) for row in open_rows):
        own = [row for row in open_rows if row["b"] == arm]
        if len(own) == 1:
            said.append(compared(tables, own[0]))
            continue
        largest = max(own, key=lambda row: abs(row["difference"]))
        said.append(
            tr(
                "Whether {names} are better or worse than {b} is not shown (largest difference {difference}, of {a}; "
                "smallest corrected {p}).",
                names=listed([arm_title(str(row["a"])) for row in own]),
                a=arm_title(str(largest["a"])),
                b=arm_title(arm),
                difference=numbers.difference(largest["difference"]),
                p=numbers.p_equation(min(row["p_holm"] for row in own), tables.alpha),
            )
        )
    return said


def compared(tables: CohortTables, row: pd.Series) -> str:
    """Say what one planned contrast shows."""
    word, a, b = str(row["verdict"]), arm_title(str(row["a"])), arm_title(str(row["b"]))
    if word.startswith(NOT_TESTABLE):
        reason = word.removeprefix(NOT_TESTABLE)
        if reason.endswith(_WITHOUT):
            absent = [arm_title(arm) for arm in reason.removesuffix(_WITHOUT).split(" and ")]
            return tr("{a} and {b} were not compared: no scores of {names}.", a=a, b=b, names=listed(absent))
        return tr("{a} and {b} could not be compared: {reason}.", a=a, b=b, reason=tr(reason))
    turn = -1 if word == "b better" else 1
    low, high = (row["ci_low"], row["ci_high"]) if turn > 0 else (-row["ci_high"], -row["ci_low"])
    facts = tr(
        "difference {difference}, {level} interval {interval}, corrected {p}",
        difference=numbers.difference(turn * row["difference"]),
        level=_level(row["level"]),
        interval=numbers.interval(low, high, numbers.difference),
        p=numbers.p_equation(row["p_holm"], tables.alpha),
    )
    if word == "a better":
        return tr("{a} is better than {b} ({facts}).", a=a, b=b, facts=facts)
    if word == "b better":
        return tr("{a} is better than {b} ({facts}).", a=b, b=a, facts=facts)
    if word == "equivalent":
        rope = numbers.score(row["rope"])
        return tr("{a} is as good as {b}: they differ by less than {rope} ({facts}).", a=a, b=b, rope=rope, facts=facts)
    return tr("Which of {a} and {b} is better is not shown ({facts}).", a=a, b=b, facts=facts)


def rounded(number: float) -> int:
    """Round a number of subjects up to two significant digits."""
    step = 10 ** max(math.floor(math.log10(max(number, 1))) - 1, 0)
    return int(math.ceil(number / step) * step)


def trouble(tables: CohortTables) -> list[str]:
    """Sentences on arms that failed or fell back, one per arm and status."""
    said = []
    for arm, status in tables.summary[["arm", "status"]].drop_duplicates().itertuples(index=False):
        reason = said_by_job(str(status).partition(":")[2].strip().rstrip(".")) or tr("no reason given")
        if is_failed(status):
            said.append(tr("{arm} failed and has no result: {reason}.", arm=arm_title(arm), reason=reason))
        elif status != "ok":
            said.append(tr("{arm} ran with a fallback: {reason}.", arm=arm_title(arm), reason=reason))
    silent = [arm for arm in tables.failed if not _has_failed(tables, arm)]
    return said + [tr("{arm} has no defined score and no result.", arm=arm_title(arm)) for arm in silent]


def _highest(tables: CohortTables, found: Decision) -> str:
    row = tables.procedures[found.leaders[0]]
    facts = [_interval(tables, row)]
    own = tables.summary[(tables.summary["arm"] == found.leaders[0]) & tables.summary["estimate"].notna()]
    if len(own):
        facts.append(numbers.plural(int(own["n_subjects"].iloc[0]), "subject"))
        if not numbers.is_missing(own.iloc[0].get("n_images")):
            facts.append(numbers.plural(int(own["n_images"].iloc[0]), "image"))
    guess = tables.guess()
    if guess is not None:
        facts.append(tr("guessing gives {score}", score=numbers.score(guess)))
    text = {
        "best": listed([arm_title(arm) for arm in found.leaders]),
        "metric": lower_case(metric_title(tables.metric)),
        "score": numbers.score(row["estimate"]),
        "facts": numbers.between().join(facts),
    }
    if tables.sign < 0:
        return tr("{best}: {metric} {score}, the lowest of the arms ({facts}).", **text)
    if len(found.leaders) > 1:
        return tr("{best} share the highest {metric}: {score} ({facts}).", **text)
    return tr("{best} has the highest {metric}: {score} ({facts}).", **text)


def _selected(tables: CohortTables, found: Decision) -> Iterator[str]:
    """What is left of the highest estimate when the arm is chosen inside as well."""
    best = tables.procedures.get(BEST)
    if best is None or len(tables.done) < 2:
        return
    yield tr(
        "It was picked as the best of {number} arms, which flatters it: choosing the arm inside as well gives {score} "
        "({interval}).",
        number=len(tables.done),
        score=numbers.score(best["estimate"]),
        interval=_interval(tables, best),
    )


def _needed(tables: CohortTables, found: Decision) -> Iterator[str]:
    """How many subjects would settle what is left open about the arms that the verdict is about."""
    rows, arms = tables.contrasts, [*found.chosen, *found.leaders]
    left = rows[(rows["verdict"] == "undecided") & rows["subjects_needed"].notna()]
    left = left[left["a"].isin(arms) | left["b"].isin(arms)]
    for better in (left["question"] != "control", left["a"].isin(found.leaders) | left["b"].isin(found.leaders)):
        left = left[better.reindex(left.index)] if better.reindex(left.index).any() else left
    if not len(left):
        return
    row = left.iloc[int(left["subjects_needed"].astype(float).to_numpy().argmax())]
    yield tr(
        "About {number} subjects would be needed to find a true difference of {relevant} between {a} and {b} in 80% of "
        "such studies; with these, a true difference below {detectable} may go unseen.",
        number=numbers.count(rounded(float(row["subjects_needed"]))),
        relevant=numbers.score(tables.relevant),
        a=arm_title(str(row["a"])),
        b=arm_title(str(row["b"])),
        detectable=numbers.score(row["detectable"]),
    )


def _uncontrolled(tables: CohortTables, found: Decision) -> Iterator[str]:
    for arm in found.chosen:
        for name, kind in barriers(tables, arm).items():
            if kind == NO_CONTROL and name:
                yield tr("{control} has no result, so nothing shows what {arm} owes to its weights.",
                         control=arm_title(name), arm=arm_title(arm))  # fmt: skip
            elif kind == NO_CONTROL:
                yield tr("{arm} has no control in this study, so no verdict can be better than undecided.",
                         arm=arm_title(arm))  # fmt: skip


def _test_sets(tables: CohortTables, found: Decision) -> Iterator[str]:
    """What test sets say of the arms that the verdict is about."""
    others = [arm for arm in tables.done if arm not in found.chosen]
    for arm in found.chosen:
        for other in others:
            for place, word in tested(tables, arm, other):
                text = {"place": place_title(place), "a": arm_title(arm), "b": arm_title(other)}
                if word == "a better":
                    yield (
                        tr("On {place}, too, {a} is better than {b}.", **text)
                        if other in found.beaten
                        else tr("On {place}, {a} is better than {b}, which cross-validation does not show.", **text)
                    )
                elif word == "b better":
                    yield tr("On {place} it is the other way round: {b} is better than {a}.", **text)
                elif other in found.beaten:
                    yield tr("On {place} the difference between {a} and {b} is not shown.", **text)


def _seeds(tables: CohortTables, found: Decision) -> Iterator[str]:
    """Of how many training runs the scores of the arms are that the verdict names."""
    arms = dict.fromkeys([*found.chosen, *found.leaders, *found.beaten, *found.equal])
    runs: dict[int, list[str]] = {}
    for arm in (arm for arm in arms if arm in tables.learning):
        rows = tables.summary[tables.summary["arm"] == arm]
        known = rows["n_seeds"].dropna() if "n_seeds" in rows else ()
        runs.setdefault(int(min(known, default=1)), []).append(arm)
    for number, own in sorted(runs.items()):
        if number > 1:
            yield tr("{names}: the scores are means over {number} training runs.", names=named(own), number=number)
        else:
            yield tr(
                "{names}: all of this is about this trained network; another training run (`evaluation.seeds`) could "
                "come out otherwise.",
                names=named(own),
            )


def _interval(tables: CohortTables, row: pd.Series) -> str:
    if numbers.is_missing(row["ci_low"]) or numbers.is_missing(row["ci_high"]):
        return tr("no interval, because every fold has the same score")
    level = _level(1 - tables.alpha)
    return tr("{level} interval {interval}", level=level, interval=numbers.interval(row["ci_low"], row["ci_high"]))


def _level(confidence: float) -> str:
    """A confidence in percent: ``95%``, ``99.6%``."""
    return numbers.localised(f"{100 * confidence:.1f}".removesuffix(".0") + "%")


def _has_failed(tables: CohortTables, arm: str) -> bool:
    own = tables.summary[tables.summary["arm"] == arm]["status"]
    return any(is_failed(status) for status in own)
