"""What the page's script does, in a real browser: folds, filters, marks that speak, and print."""

from pathlib import Path

import pytest

from sixgig.reporting.page import write_report
from sixgig.results.study import Study
from tests.unit.reporting.test_report_in_chromium import browser, open_page

__all__ = ["browser"]  # a fixture

#: Leaves in the page what each step showed, for the test to read.
STEPS = """
const said = {};
const openFolds = () => document.querySelectorAll("details.fold[open]").length;
said["folds at first"] = openFolds();
const table = document.getElementById("results-table");
const rows = Array.from(table.tBodies[0].rows);
const shown = () => rows.filter((row) => !row.hidden).map((row) => row.cells[0].textContent);
const bar = table.closest(".table").querySelector(".filter");
const choose = (input, value) => {
  input.value = value;
  input.dispatchEvent(new Event(input.type === "search" ? "input" : "change"));
};
const [arms, classifiers] = bar.querySelectorAll("select");
choose(arms, "Pure ViT");
said["one arm"] = shown().join("; ");
choose(classifiers, "SRC");
said["one method"] = shown().join("; ") + ", " + bar.querySelector("span").textContent;
choose(arms, ""); choose(classifiers, ""); choose(bar.querySelector("input"), "majority");
said["text"] = shown().join("; ");
const mark = document.querySelector(".forest .tells");
mark.dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
said["mark"] = document.querySelector(".tip").textContent === mark.querySelector("title").textContent;
location.hash = "#metrics-elpv";
addEventListener("hashchange", () => {
  said["linked fold"] = document.getElementById("estimates-elpv").open;
  dispatchEvent(new Event("beforeprint"));
  said["folds in print"] = openFolds() === document.querySelectorAll("details.fold").length;
  dispatchEvent(new Event("afterprint"));
  said["folds after print"] = openFolds();
  document.body.dataset.said = Object.entries(said).map((entry) => entry.join(": ")).join(" | ");
});
"""


@pytest.fixture(scope="module")
def said(browser: str, drawn_study: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("moves")
    write_report(Study(drawn_study), folder / "report.html")
    html = (folder / "report.html").read_text(encoding="utf-8")
    (folder / "moved.html").write_text(html.replace("</body>", f"<script>{STEPS}</script></body>"), encoding="utf-8")
    dom, console = open_page(browser, folder / "moved.html", 1280, folder / "profile")
    assert console == []
    told = dom.split('data-said="')[1].split('"')[0]
    return dict(step.split(": ", 1) for step in told.split(" | "))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("folds at first", "0"),
        ("one arm", "Pure ViT + SVM; Pure ViT + SRC"),
        ("one method", "Pure ViT + SRC, 1 of 9 rows"),
        ("text", "Majority class (control)"),
        ("mark", "true"),
        ("linked fold", "true"),
        ("folds in print", "true"),
        ("folds after print", "1"),
    ],
)
def test_the_page_moves(said: dict[str, str], step: str, words: str) -> None:
    assert said[step] == words
