"""Tests of fitted models where arms were trained with several seeds.

McNemar's and DeLong's tests are about the predictions of two fitted models. Another training is another model, and the
average of several would be an ensemble that nobody trained, so seeds are not averaged here: every seed has its own
tests. Tables show that of the first seed, and in how many seeds the verdict is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from sixgig.evaluation.runs import Run

Fitted = TypeVar("Fitted")
Row = dict[str, Any]
#: Columns of tests that were made per seed.
AGREEMENT = ("n_seeds", "seeds_agree")


def seeds_in(runs: Iterable[Mapping[int, Any]]) -> list[int]:
    """Return the numbers of all seeds of methods that have several, in order; none where every method has one."""
    return sorted({seed for own in runs if len(own) > 1 for seed in own})


def of_seed(runs: Mapping[int, Fitted], seed: int | None) -> Fitted | None:
    """Return what a method has of a seed: a method with one has it in every seed, and None stands for the first.

    Args:
        runs: By number of the seed, in order.
        seed: The number; None for the first that there is.
    """
    if seed is None or len(runs) == 1:
        return next(iter(runs.values()))
    return runs.get(seed)


def by_seed(runs: Iterable[Run], make: Callable[[Run], Fitted]) -> dict[int, Fitted]:
    """Return what is made of every run, by number of the seed."""
    return {run.seed: make(run) for run in runs}


def tell_agreement(judge: Callable[[int | None], Mapping[Any, Row]], seeds: Iterable[int]) -> list[Row]:
    """Return the rows of the first seed, with how many seeds have the same verdict.

    Args:
        judge: Returns the rows of a family of tests by pair, corrected for that family, of a seed; of the first for
            None. A row has its ``verdict``.
        seeds: The numbers of all seeds; none where every arm of the study has one, and then no column is added.
    """
    rows = judge(None)
    others = [judge(seed) for seed in seeds]
    for pair, row in rows.items():
        verdicts = [family[pair]["verdict"] for family in others if pair in family]
        if others:
            row |= dict(zip(AGREEMENT, (len(verdicts), verdicts.count(row["verdict"])), strict=True))
    return list(rows.values())
