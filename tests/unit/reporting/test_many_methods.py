"""Report and figures with twenty methods: nothing overlaps, nothing leaves the paper, and the page fits a telephone."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from sixgig.figures.catalogue import draw_figure, kinds_of, write_figures
from sixgig.figures.panels import Panels
from sixgig.figures.style import new_figure, style
from sixgig.reporting import comparisons, verdict
from sixgig.reporting.page import write_report
from sixgig.results.study import Study
from tests.unit.reporting.test_report_in_chromium import browser, on_a_telephone, open_page
from tests.unit.reporting.wide_study import TWO, write_wide_study

__all__ = ["browser"]  # a fixture

COHORT = TWO[0]
DRAWN = [
    *((kind.name, COHORT) for kind in kinds_of(over_cohorts=False, trained=False, pictures=False, fractions=True)),
    *((kind.name, None) for kind in kinds_of(over_cohorts=True)),
]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(write_wide_study(tmp_path_factory.mktemp("results") / "fake"))


@pytest.fixture(scope="module")
def report(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, with its figures; two cohorts of the study are on it."""
    figures = study.folder / "figures"
    write_figures(study, [figures / f"{kind.name}.svg" for kind in kinds_of(over_cohorts=True)])
    for cohort in study.cohorts:
        kinds = kinds_of(over_cohorts=False, fractions=True)
        write_figures(study, [figures / cohort / f"{kind.name}.svg" for kind in kinds], cohort)
    output = tmp_path_factory.mktemp("page") / "report.html"
    write_report(study, output)
    return output


def drawn_texts(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Draw a figure and return the corners of every text on it, [4, 2] in pixels, by a number and the text."""
    texts: dict[int, Text] = {}
    draw = Text.draw

    def watched(self: Text, renderer: object, *rest: object, **more: object) -> None:
        if self.get_visible() and self.get_text().strip():
            texts[id(self)] = self
        draw(self, renderer, *rest, **more)

    with style():
        monkeypatch.setattr(Text, "draw", watched)
        figure.canvas.draw()
        monkeypatch.undo()
        return {f"{place} {text.get_text()}": corners(text) for place, text in enumerate(texts.values())}


def corners(text: Text) -> np.ndarray:
    """The corners of a text, which may be turned: a box around a turned text would overlap its neighbours'."""
    box = text.get_window_extent()
    middle, angle = np.array([box.x0 + box.width / 2, box.y0 + box.height / 2]), np.deg2rad(text.get_rotation())
    text.set_rotation(0)
    flat = text.get_window_extent()
    text.set_rotation(np.rad2deg(angle))
    # A pixel of air on either side, and two where letters have neither ascenders nor descenders.
    half = np.array([max(flat.width / 2 - 1, 0.5), max(flat.height / 2 - 2, 0.5)])
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return middle + (np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half) @ turned


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two rectangles overlap: no side of either has them on different sides of it."""
    for box in (a, b):
        for side in (box[1] - box[0], box[2] - box[1]):
            first, second = a @ side, b @ side
            if first.max() <= second.min() or second.max() <= first.min():
                return False
    return True


def overlapping(boxes: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    return [(a, b) for (a, one), (b, other) in itertools.combinations(boxes.items(), 2) if overlap(one, other)]


@pytest.mark.parametrize(("name", "cohort"), DRAWN)
def test_no_two_labels_of_a_figure_overlap_and_all_are_on_it(study, name, cohort, monkeypatch):
    figure = draw_figure(study, name, cohort)
    boxes = drawn_texts(figure, monkeypatch)
    assert len(boxes) > 10
    assert overlapping(boxes) == []
    width, height = figure.get_size_inches() * figure.dpi
    assert [
        text for text, box in boxes.items() if box.min() < -2 or (box.max(axis=0) > (width + 2, height + 2)).any()
    ] == []
    assert width <= 1180  # the page's width: wider figures are shown smaller, with smaller letters


def test_the_page_fits_a_telephone_and_a_laptop(browser, report, tmp_path):
    width, needs = on_a_telephone(browser, report, tmp_path)
    assert 350 < width <= 390
    assert needs <= width
    dom, console = open_page(browser, report, 1280, tmp_path / "profile")
    assert console == []
    assert re.search(r'<html[^>]* data-overflow="0"', dom)
    assert "<h3>How many labelled subjects are needed</h3>" in dom


def test_the_check_of_labels_can_fail(monkeypatch):
    figure = new_figure(4, 3)
    figure.text(0.4, 0.5, "one label", rotation=40)
    figure.text(0.42, 0.5, "another", rotation=40)
    figure.text(0.4, 0.9, "apart")
    assert len(overlapping(drawn_texts(figure, monkeypatch))) == 1


def test_many_arms_stand_in_blocks():
    assert Panels.of(6, 2) == (6, 2, 6, 1)
    grid = Panels.of(10, 2)
    assert (grid.columns, grid.blocks, grid.rows) == (5, 2, 4)
    assert [grid.place(0, 1), grid.place(4, 0), grid.place(5, 0), grid.place(9, 1)] == [(1, 0), (0, 4), (2, 0), (3, 4)]
    places = {grid.place(arm, classifier) for arm in range(10) for classifier in range(2)}
    assert len(places) == 20
    assert Panels.of(13, 4).columns == 5


def test_the_page_shows_the_pairs_of_the_best_method_and_the_file_has_all(study):
    everything = comparisons.pairs(study, COHORT)
    assert len(everything.rows) == 210
    shown, tests = comparisons.brief(study, COHORT)
    best = verdict.judge(study, COHORT).headline.split("No clear winner: ")[1].split(" scored highest")[0]
    assert len(shown.rows) == 20
    assert all(best in (row[0].text, row[1].text) for row in shown.rows)
    assert shown.caption.endswith(
        f"Shown are the pairs of {best}, which scored highest; all 210 are in tables/{COHORT}.pairs.csv."
    )
    assert len(tests.rows) == 20
    assert len(comparisons.tests(study, COHORT).rows) == 210


def test_a_headline_does_not_list_a_dozen_arms(study):
    headline = verdict.judge(study, COHORT).headline
    assert headline.endswith(" scored highest, but within noise of 9 other arms.")
