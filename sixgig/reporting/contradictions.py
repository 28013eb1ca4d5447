"""Sentences for the verdict: what test sets say against cross-validation."""

from __future__ import annotations

from collections.abc import Iterable

from sixgig.reporting.test_sets import tested_on
from sixgig.results.study import Method
from sixgig.statistics.disagreements import CHANCE, DIFFERS, HIGHER, LOWER, OPPOSITE, REVERSED, Disagreement
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import method_title


def sentences(found: Iterable[Disagreement]) -> list[str]:
    """Return one sentence for each disagreement; see :func:`sixgig.statistics.disagreements.disagreements`."""
    return [_sentence(each) for each in found]


def _sentence(found: Disagreement) -> str:
    words = {"place": tested_on(found.tested_on), "a": method_title(Method(*found.a))}
    if found.b is not None:
        words |= {
            "b": method_title(Method(*found.b)),
            "tested": f"{numbers.difference(found.tested)} "
            + numbers.interval(found.low, found.high, numbers.difference),
            "before": numbers.difference(found.validated),
        }
    else:
        words |= {
            "tested": numbers.with_interval(found.tested, found.low, found.high),
            "before": numbers.score(found.validated),
        }
    if found.kind == OPPOSITE:
        return tr(
            "The test set contradicts cross-validation ({place}): there {a} is better than {b} ({tested}), "
            "cross-validation finds the opposite ({before}).",
            **words,
        )
    if found.kind == REVERSED:
        return tr(
            "The test set points the other way ({place}): there {a} is better than {b} ({tested}), which "
            "cross-validation did not decide ({before}).",
            **words,
        )
    if found.kind == DIFFERS:
        return tr(
            "The test set tells apart what cross-validation found equivalent ({place}): there {a} is better than {b} "
            "({tested}; {before} in cross-validation).",
            **words,
        )
    if found.kind == CHANCE:
        return tr(
            "{a} is not shown to be better than guessing on the test set ({place}): {tested}, after {before} in "
            "cross-validation.",
            **words,
        )
    if found.kind == LOWER:
        return tr(
            "{a} does worse on the test set ({place}) than cross-validation said: {tested}, not {before}.", **words
        )
    assert found.kind == HIGHER
    return tr("{a} does better on the test set ({place}) than cross-validation said: {tested}, not {before}.", **words)
