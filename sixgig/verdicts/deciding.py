"""Decides what one cohort shows, without words: which arms to use, and how sure that is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import pandas as pd

from sixgig.tables.contrasts import NOT_TESTABLE
from sixgig.verdicts.tables import TIE, CohortTables, is_control

#: What stands between an arm and the word "better", from the weightiest down.
GUESSING, CONTROL, NO_CONTROL = "guessing", "control", "no control"


@dataclass(frozen=True)
class Decision:
    """What the tables of one cohort show.

    Attributes:
        level: ``better``, ``equivalent``, ``undecided``, ``control`` or ``failed``.
        reason: Which case of the level it is; see :func:`decide`.
        leaders: Arms that share the highest estimate.
        chosen: Arms that the verdict is about: those shown to be better, else what it would use.
        beaten: Arms that every chosen arm is shown to be better than.
        equal: Arms that are shown to be as good as the chosen one.
        baseline: The arm that the contrasts have as their baseline; None without one, or when it failed.
        floors: Controls (or ``guessing``) that stand in the way.
    """

    level: str
    reason: str = ""
    leaders: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    beaten: list[str] = field(default_factory=list)
    equal: list[str] = field(default_factory=list)
    baseline: str | None = None
    floors: list[str] = field(default_factory=list)


def decide(tables: CohortTables) -> Decision:
    """Decide what one cohort shows; only planned contrasts between arms as procedures say ``better``.

    In this order:

    - Nothing was computed, or no arm has an estimate: ``failed``.
    - An arm is shown to be better than the baseline, and by no contrast worse than any arm; of several the one with the
      highest estimate, of equal ones all. (The baseline itself, and every arm where the contrasts have no baseline or
      it failed, needs the highest estimate and a contrast that it wins.) It is ``better`` when it passes its controls.
      Otherwise the verdict is ``control`` (it is not shown to be better than guessing or than its random network) or
      ``undecided``, reason ``no control``: a control that is absent or failed proves nothing. A test set that shows
      the opposite makes it ``undecided``, reason ``contradicted``.
    - The arms with the highest estimate are not shown to be better than guessing or than their random networks:
      ``control``.
    - The baseline is shown to be equivalent to all arms with the highest estimate (if it is one of them: to all arms
      that are not shown to be worse): ``equivalent``. Without a baseline: the arm with the highest estimate and what
      it is equivalent to, and of these the one that took least.
    - ``undecided``; reason ``alone`` with one arm.

    Args:
        tables: The tables.
    """
    if tables.failure:
        return Decision("failed", "cohort")
    if not tables.done:
        return Decision("failed", "arms")
    leaders, wins, losses = tables.top(tables.done), _wins(tables.contrasts), _losses(tables.contrasts)
    named = tables.contrasts[tables.contrasts["question"] == "baseline"]["b"]
    baseline = str(named.iloc[0]) if len(named) and named.iloc[0] in tables.done else None
    ahead = [
        arm for arm in tables.done
        if wins[arm] and not losses[arm] and (baseline in wins[arm] if baseline not in (None, arm) else arm in leaders)
    ]  # fmt: skip
    passed = tables.top([arm for arm in ahead if not barriers(tables, arm)])
    if passed:
        beaten = [arm for arm in tables.done if all(arm in wins[winner] for winner in passed)]
        found = Decision("better", "", leaders, passed, beaten, [], baseline)
        if any(contradicted(tables, winner, loser) for winner in passed for loser in wins[winner]):
            return Decision("undecided", "contradicted", leaders, passed, beaten, [], baseline)
        return found
    if ahead:
        best = tables.top(ahead)
        beaten = [arm for arm in tables.done if all(arm in wins[winner] for winner in best)]
        return _stopped(tables, best, leaders, beaten, baseline)
    floors = [barriers(tables, arm) for arm in leaders]
    if all(set(floor.values()) & {GUESSING, CONTROL} for floor in floors):
        return _stopped(tables, leaders, leaders, [], baseline)
    return _level(tables, leaders, wins, baseline)


def barriers(tables: CohortTables, arm: str) -> dict[str, str]:
    """Return what stands between an arm and the word "better": control (or ``guessing``) and kind, none when it passed.

    Args:
        tables: The tables.
        arm: An arm with an estimate.
    """
    found: dict[str, str] = {}
    row, guess = tables.procedures[arm], tables.guess()
    if guess is not None:
        # Without an interval no fold differs from the others, and the estimate is all that there is.
        limit = row["ci_low"] if tables.sign > 0 else row["ci_high"]
        limit = row["estimate"] if pd.isna(limit) else limit
        if tables.sign * (float(limit) - guess) <= TIE:
            found[GUESSING] = GUESSING
    rows = tables.contrasts[(tables.contrasts["question"] == "control") & (tables.contrasts["a"] == arm)]
    for _, contrast in rows.iterrows():
        name, word = str(contrast["b"]), str(contrast["verdict"])
        if word.startswith(NOT_TESTABLE) and name not in tables.procedures:
            found[name] = NO_CONTROL
        elif word != "a better":
            found[name] = CONTROL
    if not len(rows) or guess is None:
        found.setdefault("", NO_CONTROL)
    for name in tables.arms:
        above = is_control(name) and name in tables.procedures
        if above and tables.sign * (tables.estimate(arm) - tables.estimate(name)) <= TIE:
            found[name] = CONTROL
    return found


def contradicted(tables: CohortTables, winner: str, loser: str) -> bool:
    """Whether a paired test on a test set, on the study's metric, finds the loser better."""
    return any(verdict == "b better" for _, verdict in tested(tables, winner, loser))


def tested(tables: CohortTables, a: str, b: str) -> list[tuple[str, str]]:
    """Return the test sets on which two arms were compared on the study's metric, with what was found about a and b."""
    if tables.test_pairs is None:
        return []
    turned = {"a better": "b better", "b better": "a better"}
    found = []
    for _, row in tables.test_pairs[tables.test_pairs["test"] == "bootstrap"].iterrows():
        if (row["arm_a"], row["arm_b"]) == (a, b):
            found.append((str(row["tested_on"]), str(row["verdict"])))
        elif (row["arm_a"], row["arm_b"]) == (b, a):
            found.append((str(row["tested_on"]), turned.get(str(row["verdict"]), str(row["verdict"]))))
    return found


def _stopped(
    tables: CohortTables, arms: list[str], leaders: list[str], beaten: list[str], baseline: str | None
) -> Decision:
    """Decide about arms that would be better, or that lead, but do not pass their controls."""
    found: dict[str, str] = {}
    for arm in arms:
        found |= barriers(tables, arm)
    floors = [name for name, kind in found.items() if kind in (GUESSING, CONTROL)]
    if not floors:
        missing = [name for name in found if name]
        return Decision("undecided", NO_CONTROL, leaders, arms, beaten, [], baseline, missing)
    barred = {arm: barriers(tables, arm) for arm in tables.done}
    rows = tables.contrasts[tables.contrasts["question"] == "control"]
    known = dict.fromkeys([*floors, *(str(name) for name in rows["b"])])
    nobody = [
        name for name in known
        if all(barred[arm].get(name) in (GUESSING, CONTROL) for arm in _compared(tables, name))
    ]  # fmt: skip
    if set(nobody) & set(floors):
        return Decision("control", "nobody", leaders, arms, beaten, [], baseline, nobody)
    return Decision("control", "highest", leaders, arms, beaten, [], baseline, floors)


def _compared(tables: CohortTables, floor: str) -> list[str]:
    """Arms that a control is the control of; all of them for guessing."""
    rows = tables.contrasts[(tables.contrasts["question"] == "control") & (tables.contrasts["b"] == floor)]
    own = [arm for arm in tables.done if arm in set(rows["a"])]
    return own or tables.done


def _level(tables: CohortTables, leaders: list[str], wins: dict[str, set[str]], baseline: str | None) -> Decision:
    """Decide between equivalence and nothing shown."""
    if len(tables.rivals) == 1:
        return Decision("undecided", "alone", leaders, leaders, [], [], baseline)
    equal = _equal(tables.contrasts)
    if baseline is not None:
        rest = [arm for arm in tables.done if arm not in (baseline, *wins[baseline])]
        needed = rest if baseline in leaders else leaders
        if needed and all(frozenset((baseline, arm)) in equal for arm in needed):
            same = [arm for arm in tables.done if frozenset((baseline, arm)) in equal]
            return Decision("equivalent", "baseline", leaders, [baseline], [], same, baseline)
        return Decision("undecided", "", leaders, [baseline], [], [], baseline)
    for leader in leaders:
        partners = [arm for arm in tables.done if frozenset((leader, arm)) in equal]
        if partners:
            known = [arm for arm in (leader, *partners) if arm in tables.seconds]
            cheapest = min(known, key=lambda arm: tables.seconds[arm], default=leader)
            same = partners if cheapest == leader else [leader]
            return Decision("equivalent", "named", leaders, [cheapest], [], same, None)
    return Decision("undecided", "", leaders, leaders, [], [], None)


def _wins(contrasts: pd.DataFrame) -> dict[str, set[str]]:
    """Arms that every arm is shown to be better than, controls apart."""
    found: dict[str, set[str]] = defaultdict(set)
    for _, row in contrasts.iterrows():
        a, b = str(row["a"]), str(row["b"])
        if row["verdict"] == "b better":
            a, b = b, a
        elif row["verdict"] != "a better":
            continue
        if not is_control(a) and not is_control(b):
            found[a].add(b)
    return found


def _losses(contrasts: pd.DataFrame) -> dict[str, set[str]]:
    """Arms and controls that are shown to be better than every arm."""
    found: dict[str, set[str]] = defaultdict(set)
    for _, row in contrasts.iterrows():
        a, b = str(row["a"]), str(row["b"])
        if row["verdict"] == "b better":
            found[a].add(b)
        elif row["verdict"] == "a better":
            found[b].add(a)
    return found


def _equal(contrasts: pd.DataFrame) -> set[frozenset[str]]:
    """Pairs that are shown to be equivalent."""
    rows = contrasts[contrasts["verdict"] == "equivalent"]
    return {frozenset((str(a), str(b))) for a, b in zip(rows["a"], rows["b"], strict=True)}
