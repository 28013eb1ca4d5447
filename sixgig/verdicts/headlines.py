"""The one line of a verdict: what to use, and how sure that is."""

from __future__ import annotations

from sixgig.arms.registry import is_random
from sixgig.verdicts.deciding import GUESSING, Decision
from sixgig.verdicts.tables import CohortTables
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.said_by_jobs import said
from sixgig.words.showing import look_of
from sixgig.words.titles import arm_title, short_arm_title

#: Arms that a headline names; of more it gives the number.
_MOST_NAMED = 4
#: A cheaper arm is said to be so when it takes at most this share of the other's time.
_CHEAPER = 0.9


def headline(tables: CohortTables, found: Decision) -> str:
    """Say in one line what a decision is.

    Args:
        tables: The tables of the cohort.
        found: What :func:`sixgig.verdicts.deciding.decide` finds in them.
    """
    if found.level == "failed":
        if found.reason == "cohort":
            return tr("This cohort failed, and nothing was computed on it: {reason}.", reason=said(tables.failure))
        return tr("No arm finished on this cohort.")
    if found.level == "better":
        return _better(tables, found)
    if found.level == "equivalent":
        return _equivalent(tables, found)
    if found.level == "control":
        names = tr(" or ").join(floor_words(tables, found))
        if found.reason == "nobody":
            return tr("No arm is shown to be better than {name}.", name=names)
        return tr(
            "{best} scored highest, but is not shown to be better than {name}.",
            best=named(found.chosen),
            name=names,
        )
    return _undecided(tables, found)


def named(arms: list[str]) -> str:
    """Name arms; of more than a headline holds give their number."""
    if len(arms) > _MOST_NAMED:
        return tr("{number} arms", number=len(arms))
    return listed([arm_title(arm) for arm in arms])


def listed(names: list[str]) -> str:
    """Names in a sentence: ``A``, ``A and B``, ``A, B and C``."""
    return tr(" and ").join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def floor_words(tables: CohortTables, found: Decision) -> list[str]:
    """What the controls do that stand in the way, for "better than ..."; networks with random weights come last."""
    about = tables.done if found.reason == "nobody" else found.chosen
    rows = tables.contrasts[(tables.contrasts["question"] == "control") & tables.contrasts["a"].isin(about)]
    own = {str(name) for name in rows["b"] if is_random(str(name))}
    said = [_does(name) for name in found.floors if name not in own]
    stand = [name for name in found.floors if name in own]
    if set(stand) != own:  # "the same networks" would tell of more than these
        return said + [short_arm_title(name) for name in stand]
    if not stand:
        return said
    one, many = tr("the same network with random weights"), tr("the same networks with random weights")
    return [*said, one if len(stand) == 1 else many]


def _does(name: str) -> str:
    look = look_of(name)
    return tr("guessing") if name == GUESSING else tr(look.words) if look and look.words else short_arm_title(name)


def share_of_time(tables: CohortTables, cheap: str, dear: str) -> float | None:
    """What an arm takes of another one's time; None where that is unknown, or no less."""
    if cheap not in tables.seconds or not tables.seconds.get(dear):
        return None
    share = tables.seconds[cheap] / tables.seconds[dear]
    return share if share <= _CHEAPER else None


def _better(tables: CohortTables, found: Decision) -> str:
    others = [arm for arm in tables.rivals if arm not in found.chosen]
    every = len(others) > 1 and set(others) == set(found.beaten) and not tables.failed
    if len(found.chosen) > 1:
        if every:
            return tr("Use any of {arms}, which score the same: each is better than every other arm.", arms=_all(found))
        return tr(
            "Use any of {arms}, which score the same: each is better than {names}.",
            arms=_all(found),
            names=named(found.beaten),
        )
    if every:
        return tr("Use {arm}: it is better than every other arm.", arm=_all(found))
    return tr("Use {arm}: it is better than {names}.", arm=_all(found), names=named(found.beaten))


def _equivalent(tables: CohortTables, found: Decision) -> str:
    arm, same = found.chosen[0], [other for other in found.equal if other != found.chosen[0]]
    dear = next((leader for leader in found.leaders if leader in same), same[0])
    share = share_of_time(tables, arm, dear)
    if share is None:
        return tr("Use {arm}: it is as good as {names}.", arm=arm_title(arm), names=named(same))
    if len(same) == 1:
        return tr(
            "Use {arm}: it is as good as {names}, for {share} of the time.",
            arm=arm_title(arm),
            names=named(same),
            share=numbers.percent(share),
        )
    return tr(
        "Use {arm}: it is as good as {names}, for {share} of the time that {dear} takes.",
        arm=arm_title(arm),
        names=named(same),
        share=numbers.percent(share),
        dear=arm_title(dear),
    )


def _undecided(tables: CohortTables, found: Decision) -> str:
    if found.reason == "alone":
        return tr("{best} is the only arm, with nothing to compare it with.", best=named(found.leaders))
    if found.reason == "no control":
        return tr(
            "Undecided: {best} did better than {names}, but without a control that finished nothing shows that it "
            "learned anything.",
            best=named(found.chosen),
            names=named(found.beaten),
        )
    if found.reason == "contradicted":
        return tr(
            "Undecided: cross-validation finds {best} better than {names}, and a test set shows the opposite.",
            best=named(found.chosen),
            names=named(found.beaten),
        )
    if found.baseline is None:
        return tr("No clear winner: {best} scored highest, but is not shown to be better.", best=named(found.leaders))
    if found.baseline in found.leaders:
        return tr("Use {arm}, the cheapest: no other arm is shown to be better.", arm=arm_title(found.baseline))
    return tr(
        "No arm is shown to be better than {arm}, the cheapest; {best} scored highest.",
        arm=arm_title(found.baseline),
        best=named(found.leaders),
    )


def _all(found: Decision) -> str:
    return listed([arm_title(arm) for arm in found.chosen])
