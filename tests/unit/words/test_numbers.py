from __future__ import annotations

import math

import pandas as pd
import pytest

from sixgig.words import numbers


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (numbers.score, 0.8125, "0.812"),
        (numbers.score, -0.25, "−0.250"),
        (numbers.score, -0.0001, "0.000"),
        (numbers.difference, 0.0312, "+0.031"),
        (numbers.difference, -0.0312, "−0.031"),
        (numbers.difference, -0.0004, "0.000"),
        (numbers.seconds, 0.421, "0.42 s"),
        (numbers.seconds, 12.34, "12.3 s"),
        (numbers.seconds, 59.97, "1 min 00 s"),
        (numbers.seconds, 200, "3 min 20 s"),
        (numbers.seconds, 3599.7, "1 h 00 min"),
        (numbers.seconds, 3900, "1 h 05 min"),
        (numbers.mebibytes, 1234.4, "1,234 MiB"),
        (numbers.rate, 35.24, "35.2"),
        (numbers.rate, 1239.6, "1,240"),
        (numbers.count, 1440, "1,440"),
        (numbers.rank, 7.8208, "7.82"),
        (numbers.short, 2.0, "2"),
        (numbers.short, 2.5, "2.5"),
        (numbers.small, 0.0024361, "0.00244"),
        (numbers.percent, 0.934, "93%"),
        (numbers.percent, 0.004, "< 1%"),
        (numbers.percent, 0.996, "> 99%"),
        (numbers.percent, 0.0, "0%"),
        (numbers.percent, 1.0, "100%"),
    ],
)
def test_formats(form, value, text):
    assert form(value) == text


@pytest.mark.parametrize("form", [numbers.score, numbers.difference, numbers.seconds, numbers.mebibytes, numbers.count])
def test_missing_values_say_so(form):
    assert {form(value) for value in (None, math.nan, pd.NA, math.inf)} == {"n/a"}


@pytest.mark.parametrize(
    ("p", "alpha", "text"),
    [
        (0.0004, 0.05, "< 0.001"),
        (0.012, 0.05, "0.012"),
        (0.0496, 0.05, "0.0496"),  # three decimals would read 0.050, as if it were not below the level
        (0.0503, 0.05, "0.050"),
        (0.05, 0.05, "0.050"),
        (0.00996, 0.01, "0.00996"),
        (1.0, 0.05, "1.000"),
        (None, 0.05, "n/a"),
    ],
)
def test_p_values_show_their_side_of_alpha(p, alpha, text):
    assert numbers.p_value(p, alpha) == text


def test_p_values_in_a_sentence():
    assert numbers.p_equation(0.00002) == "p < 0.001"
    assert numbers.p_equation(0.2) == "p = 0.200"


def test_intervals():
    assert numbers.with_interval(0.8, 0.7, 0.9) == "0.800 [0.700, 0.900]"
    assert numbers.with_interval(0.8, None, None) == "0.800"
    assert numbers.with_interval(math.nan, 0.7, 0.9) == "n/a"
    assert numbers.interval(0.7, 0.9) == "0.700 to 0.900"
    assert numbers.interval(-0.1, 0.2, numbers.difference) == "−0.100 to +0.200"


def test_plurals():
    assert numbers.plural(1, "subject") == "1 subject"
    assert numbers.plural(1200, "subject") == "1,200 subjects"


@pytest.mark.parametrize(
    ("value", "text"), [(0.8742, "0.874"), (0.9996, "> 0.999"), (1.0, "> 0.999"), (0.0, "< 0.001"), (None, "n/a")]
)
def test_a_probability_is_never_certainty(value, text):
    assert numbers.probability(value) == text
