"""What a template needs to know about a table, so that every table looks and sorts alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sixgig.arms.seeds import arm_and_seed
from sixgig.results.study import Method
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import arm_colour, arm_title, classifier_title, cohort_title, method_title


@dataclass(frozen=True)
class Cell:
    """One cell: its text, the value it sorts by (its text when None), a colour dot, and whether it stands out.

    ``arm`` and ``classifier`` are the titles of what it names, for the page's filters; else empty.
    """

    text: str
    sort: float | None = None
    colour: str = ""
    strong: bool = False
    numeric: bool = False
    arm: str = ""
    classifier: str = ""


@dataclass
class TableView:
    """One table: a caption, column titles and rows of cells; ``name`` is its id on the page."""

    name: str
    caption: str
    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    sortable: bool = True


def text(value: Any) -> Cell:
    """A cell of text; ``n/a`` when the value is missing."""
    return Cell(numbers.MISSING if numbers.is_missing(value) else str(value))


def number(value: Any, form: Callable[[Any], str], strong: bool = False) -> Cell:
    """A cell of a number, shown by one of the formats in :mod:`sixgig.words.numbers`."""
    return Cell(form(value), None if numbers.is_missing(value) else float(value), strong=strong, numeric=True)


def agreement(row: Any) -> Cell:
    """A cell that says how many seeds have the verdict of a test's row; ``n/a`` where there is none."""
    if row is None or "seeds_agree" not in row or numbers.is_missing(row["seeds_agree"]):
        return Cell(numbers.MISSING)
    agree, number = int(row["seeds_agree"]), int(row["n_seeds"])
    text = tr("{agree} of {number}", agree=numbers.count(agree), number=numbers.count(number))
    return Cell(text, agree / max(1, number), numeric=True)


def method(value: Method) -> Cell:
    """A cell that names a method, with its arm's colour."""
    colour, classifier = arm_colour(value.arm), classifier_title(value.classifier)
    return Cell(method_title(value), colour=colour, arm=arm_title(value.arm), classifier=classifier)


def arm(name: Any) -> Cell:
    """A cell that names an arm, with its colour; work without an arm is shared by all."""
    if numbers.is_missing(name):
        return Cell(tr("shared by all arms"))
    return Cell(arm_title(str(name)), colour=arm_colour(str(name)), arm=arm_title(str(name)))


def cohort(name: Any) -> Cell:
    """A cell that names a cohort by its title."""
    return Cell(cohort_title(str(name)))


def run(name: str) -> Cell:
    """A cell that names the run of an arm with a seed, by the name of its files."""
    own, seed = arm_and_seed(name)
    cell = arm(own)
    return replace(cell, text=tr("{arm}, seed {number}", arm=cell.text, number=seed)) if seed else cell


def classifier(name: str) -> Cell:
    """A cell that names a classifier."""
    return Cell(classifier_title(name))
