"""The one way in which every row is timed: variants take turns, their results are compared first, ratios are paired.

A row has sixgig's variant and others that do the same. Each is called once, which warms it up, and its result is
compared with sixgig's: a wrong one ends the bench. Then all take turns, ``rounds`` times. A ratio is a variant's time
over sixgig's in the same round; of ratios and times, median, lowest and highest are kept.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sixgig.errors import SixgigError

Same = Callable[[Any, Any], str]


class BenchError(SixgigError):
    """The bench cannot measure, or a variant's result is wrong."""


@dataclass(frozen=True)
class Variant:
    """One way to do what a row is about.

    Attributes:
        name: Who does it, and how.
        run: The call that is timed; returns its result.
        work: Units (images, vectors) in one call; times are per unit.
        same: Compares sixgig's result with this one's, says how near they are, and raises :class:`BenchError`; None for
            the row's.
        aim: The least ratio that is aimed at; None for the row's, 0 for none.
    """

    name: str
    run: Callable[[], Any]
    work: float = 1.0
    same: Same | None = None
    aim: float | None = None


@dataclass(frozen=True)
class Row:
    """Ways to do one thing.

    Attributes:
        name: What is done, with its size.
        ours: sixgig's way.
        others: What it is compared with.
        same: Compares two results; see :class:`Variant`.
        aim: The least ratio that is aimed at; 0 for none.
        rounds: Turns that count.
        unit: What a time is for, such as ``image``.
    """

    name: str
    ours: Variant
    others: Sequence[Variant]
    same: Same
    aim: float = 0.0
    rounds: int = 5
    unit: str = "call"


@dataclass(frozen=True)
class Limit:
    """A quantity that is measured without anything to compare it with, and at most so large.

    Attributes:
        name: What it is.
        values: As measured, one a round.
        unit: Of the values.
        most: The aim; None for none.
    """

    name: str
    values: Sequence[float]
    unit: str
    most: float | None = None


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of several rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of some values."""
        found = list(values)
        return cls(statistics.median(found), min(found), max(found))


@dataclass(frozen=True)
class Measured:
    """One line of the table and of the JSON.

    Attributes:
        row: Name of the row.
        variant: Name of the variant; empty for a :class:`Limit`.
        unit: What ``time`` is for, or its unit where there is a limit.
        rounds: Turns that count.
        time: Seconds per unit, or the values of a limit.
        ratio: The variant's time over sixgig's; None for sixgig itself and for limits.
        result: How near the variant's result is to sixgig's.
        aim: Least ratio, or largest value, that is aimed at; None for none.
        met: Whether it was reached; None without an aim.
    """

    row: str
    variant: str
    unit: str
    rounds: int
    time: Spread
    ratio: Spread | None = None
    result: str = ""
    aim: float | None = None
    met: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a dictionary of plain values."""
        return asdict(self)


@dataclass
class _Turns:
    seconds: list[float] = field(default_factory=list)
    result: str = ""


def measure(row: Row | Limit) -> Iterator[Measured]:
    """Compare results, time every variant in turn, and yield a line for each; sixgig's comes first.

    Raises:
        BenchError: A variant failed, or its result is not sixgig's.
    """
    if isinstance(row, Limit):
        spread = Spread.of(row.values)
        met = None if row.most is None else spread.median <= row.most
        yield Measured(row.name, "", row.unit, len(row.values), spread, aim=row.most, met=met)
        return
    variants = [row.ours, *row.others]
    turns = {variant.name: _Turns() for variant in variants}
    if len(turns) < len(variants):
        raise BenchError(row.name, "two variants have one name", "give each its own")
    own = _call(row, row.ours)
    for variant in row.others:
        try:
            turns[variant.name].result = (variant.same or row.same)(own, _call(row, variant))
        except BenchError as error:
            raise BenchError(f"{row.name}: {variant.name}", error.reason, error.next_step) from error
    del own
    for _ in range(row.rounds):
        for variant in variants:
            began = time.perf_counter()
            variant.run()
            turns[variant.name].seconds.append((time.perf_counter() - began) / variant.work)
    ours = turns[row.ours.name].seconds
    for variant in variants:
        seconds = turns[variant.name].seconds
        line = Measured(row.name, variant.name, row.unit, row.rounds, Spread.of(seconds))
        if variant is not row.ours:
            ratio = Spread.of(theirs / own for theirs, own in zip(seconds, ours, strict=True))
            aim = (row.aim if variant.aim is None else variant.aim) or None
            met = None if aim is None else ratio.median >= aim
            line = Measured(
                row.name, variant.name, row.unit, row.rounds, line.time, ratio, turns[variant.name].result, aim, met
            )
        yield line


def _call(row: Row, variant: Variant) -> Any:
    try:
        return variant.run()
    except BenchError:
        raise
    except Exception as error:
        raise BenchError(
            f"{row.name}: {variant.name}", f"failed: {type(error).__name__}: {error}", "mend it, or the row's module"
        ) from error


def within(tolerance: float) -> Same:
    """Compare arrays: the 2-norm of each row's difference, over that of sixgig's row, is at most ``tolerance``."""

    def same(ours: Any, theirs: Any) -> str:
        a, b = (np.asarray(array, dtype=np.float64) for array in (ours, theirs))
        if a.shape != b.shape:
            raise BenchError("shape", f"its result has shape {b.shape}, sixgig's {a.shape}", "compare like with like")
        a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
        apart = float((np.linalg.norm(b - a, axis=1) / np.maximum(np.linalg.norm(a, axis=1), 1e-300)).max())
        if not apart <= tolerance:
            raise BenchError("result", f"its result is {apart:.1e} from sixgig's, more than {tolerance:.0e}", "mend it")
        return f"{apart:.0e} apart" if apart else "equal"

    return same


def unlike(ours: Any, theirs: Any) -> str:
    """Say that a variant has no result to compare, such as a machine's matrix product."""
    return "nothing to compare"


def say(text: str) -> None:
    """Tell who runs the bench; the table is not on this stream."""
    print(f"[bench] {text}", file=sys.stderr, flush=True)
