"""Sentences on methods that do on a test set what their cross-validation did not promise."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sixgig.results.study import Method
from sixgig.statistics.disagreements import CHANCE, WORSE, disagreements
from sixgig.verdicts.tables import CohortTables
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import method_title, place_title


def broken_promises(tables: CohortTables, arms: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each test set that disagrees with the cross-validation of one of some arms.

    Args:
        tables: The tables of the cohort.
        arms: The arms that the verdict is about.
    """
    if tables.test_summary is None:
        return
    for found in disagreements(tables.cohort, tables.summary, tables.test_summary, tables.metric, tables.n_classes):
        if found.method[0] not in arms:
            continue
        words = {
            "method": method_title(Method(*found.method)),
            "place": place_title(found.tested_on),
            "tested": numbers.with_interval(found.tested, found.low, found.high),
            "before": numbers.score(found.validated),
        }
        if found.kind == CHANCE:
            yield tr(
                "On {place}, {method} is not shown to be better than guessing: {tested}, after {before} in "
                "cross-validation.",
                **words,
            )
        elif found.kind == WORSE:
            yield tr("On {place}, {method} does worse than cross-validation said: {tested}, not {before}.", **words)
        else:
            yield tr("On {place}, {method} does better than cross-validation said: {tested}, not {before}.", **words)
