"""One formatter for every number that a person reads: verdicts, tables and figures cannot disagree.

All functions return ``n/a`` for a missing value. Negative numbers carry a true minus sign (U+2212). Decimal point and
thousands separator are those of the language in use.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import pandas as pd

from sixgig.words.language import tr

#: What stands where a value is missing.
MISSING = "n/a"
_MINUS = "\N{MINUS SIGN}"


def is_missing(value: Any) -> bool:
    """Whether a value is absent: None, NaN, pandas' NA or an infinity."""
    return value is None or bool(pd.isna(value)) or (isinstance(value, float) and math.isinf(value))


def _or_missing(function: Callable[[float], str]) -> Callable[[Any], str]:
    @wraps(function)
    def wrapped(value: Any) -> str:
        return MISSING if is_missing(value) else localised(function(float(value)).replace("-", _MINUS))

    return wrapped


def localised(text: str) -> str:
    """A formatted number with the separators of the language in use."""
    shown = tr("1,234.5")  # a translation shows which separators its language has
    return text.translate(str.maketrans(",.", shown[1] + shown[-2]))


def between() -> str:
    """What stands between two numbers in a list: a semicolon where a comma is the decimal point."""
    return "; " if localised(".") == "," else ", "


@_or_missing
def score(value: float) -> str:
    """A metric, with three decimals: ``0.812``."""
    text = f"{value:.3f}"
    return "0.000" if text == "-0.000" else text


@_or_missing
def difference(value: float) -> str:
    """A difference of two metrics, with its sign and three decimals: ``+0.031``; an exact tie is ``0.000``."""
    text = f"{value:+.3f}"
    return "0.000" if text in ("+0.000", "-0.000") else text


def interval(low: Any, high: Any, of: Callable[[Any], str] = score) -> str:
    """An interval in words: ``0.771 to 0.850``."""
    return MISSING if is_missing(low) or is_missing(high) else tr("{low} to {high}", low=of(low), high=of(high))


def with_interval(estimate: Any, low: Any, high: Any, of: Callable[[Any], str] = score) -> str:
    """A metric with its interval, for a table cell: ``0.812 [0.771, 0.850]``; ``of`` writes each number."""
    if is_missing(estimate):
        return MISSING
    if is_missing(low) or is_missing(high):
        return of(estimate)
    return f"{of(estimate)} [{of(low)}{between()}{of(high)}]"


def p_value(p: Any, alpha: float = 0.05) -> str:
    """A p value: ``0.012``, ``< 0.001``; more decimals where three would hide which side of ``alpha`` it is on."""
    if is_missing(p):
        return MISSING
    p = float(p)
    if p < 0.001:
        return localised("< 0.001")
    for decimals in (3, 4, 5, 6):
        text = f"{p:.{decimals}f}"
        if p == alpha or (float(text) < alpha) == (p < alpha):
            return localised(text)
    return localised(f"{p:.6f}")


@_or_missing
def probability(value: float) -> str:
    """A probability, never rounded to certainty: ``0.874``, ``> 0.999``, ``< 0.001``."""
    return "< 0.001" if value < 0.001 else "> 0.999" if value > 0.999 else f"{value:.3f}"


def p_equation(p: Any, alpha: float = 0.05) -> str:
    """A p value for a sentence: ``p = 0.012`` or ``p < 0.001``."""
    text = p_value(p, alpha)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


@_or_missing
def seconds(value: float) -> str:
    """A duration: ``0.42 s``, ``12.3 s``, ``3 min 20 s``, ``1 h 05 min``."""
    if value < 0.995:
        return f"{value:.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    if value < 3599.5:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours} h {minutes:02d} min"


@_or_missing
def rank(value: float) -> str:
    """An average rank or a difference of ranks, with two decimals: ``2.33``."""
    return f"{value:.2f}"


@_or_missing
def short(value: float) -> str:
    """A rank on one cohort, with a decimal only where ties give one: ``2``, ``2.5``."""
    return f"{value:g}"


@_or_missing
def small(value: float) -> str:
    """A number that may be much smaller than one, with three significant digits: ``0.0024``."""
    return f"{value:.3g}"


@_or_missing
def percent(value: float) -> str:
    """A share as a whole percentage: ``93%``; ``< 1%`` and ``> 99%`` where rounding would make it nothing or all."""
    if 0 < value < 0.01:
        return "< 1%"
    return "> 99%" if 0.99 < value < 1 else f"{100 * value:.0f}%"


@_or_missing
def mebibytes(value: float) -> str:
    """Memory: ``1,234 MiB``."""
    return f"{value:,.0f} MiB"


@_or_missing
def rate(value: float) -> str:
    """Images per second: ``35.2``, ``1,240`` above a hundred."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}"


@_or_missing
def count(value: float) -> str:
    """A whole number with thousands separated: ``1,440``."""
    return f"{round(value):,}"


def plural(number: int, noun: str) -> str:
    """A count with its noun: ``1 subject``, ``120 subjects``."""
    return f"{count(number)} {tr(noun if number == 1 else noun + 's')}"
