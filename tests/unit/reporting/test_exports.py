"""Tables for a paper hold what the page shows, in valid LaTeX and Markdown."""

import csv
import re
from pathlib import Path

import pytest

from sixgig.reporting import exports, first_screen, page
from sixgig.reporting.verdict import verdict_rows
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Study
from sixgig.words.showing import showing

VIEW = TableView(
    "metrics-a_b",
    "Accuracy & more, 95% of it",
    ["Method", "Score"],
    [[Cell("Pure ViT + SVM_1"), Cell("\N{MINUS SIGN}0.812 *", -0.812, strong=True, numeric=True)]],
)


def test_latex_escapes_and_aligns():
    text = exports.to_latex(VIEW)
    assert r"\caption{Accuracy \& more, 95\% of it}" in text
    assert r"Pure ViT + SVM\_1 & \textbf{$-$0.812 *} \\" in text
    assert r"\begin{tabular}{lr}" in text
    assert r"\label{tab:metrics-a-b}" in text


def test_markdown_escapes_and_aligns():
    lines = exports.to_markdown(VIEW).splitlines()
    assert lines[2:] == [
        "| Method | Score |",
        "|---|---:|",
        "| Pure ViT + SVM\\_1 | **\N{MINUS SIGN}0.812 \\*** |",
    ]


def test_every_character_of_latex_is_escaped():
    assert exports.escape("a_b^c~{}$%&#<>|\\") == (
        r"a\_b\textasciicircum{}c\textasciitilde{}\{\}\$\%\&\#\textless{}\textgreater{}\textbar{}\textbackslash{}"
    )


@pytest.fixture(scope="module")
def folder(drawn_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("tables")
    exports.write_tables(Study(drawn_study), written)
    return written


def test_files_and_page_show_the_same_numbers(folder: Path, drawn_study: Path):
    html = page.render(Study(drawn_study)).replace("\N{NO-BREAK SPACE}", " ")  # numbers keep together on the page
    names = {path.name for path in folder.iterdir()}
    assert {"results.csv", "results.tex", "results.md", "elpv.metrics.tex", "elpv.pairs.md", "costs.csv"} <= names
    for path in folder.glob("*.csv"):
        if path.name == "verdicts.csv":
            continue
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        numbers = [cell for row in rows[1:] for cell in row if re.fullmatch(r"[\d.\[\], ]+", cell)]
        assert numbers or len(rows) == 1
        for cell in numbers:
            assert cell in html, (path.name, cell)


def test_the_verdicts_are_those_of_the_page_with_real_cohorts_first(folder: Path, drawn_study: Path):
    study = Study(drawn_study)
    rows = list(csv.reader((folder / "verdicts.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["Cohort", "Images", "Level", "Verdict", "Why"]
    assert [row[:2] for row in rows[1:]] == [
        ["ELPV solar cells", "real"], ["BraTS phantom (simulated)", "simulated"],
        ["ACDC phantom (simulated)", "simulated"],
    ]  # fmt: skip
    with showing(study):
        said = {answer.verdict.cohort: answer for answer in first_screen.answers(study).values()}
    table = verdict_rows(study)
    assert list(table["cohort"]) == ["elpv", "brats_phantom", "acdc_phantom"]
    for row, (_, kept) in zip(rows[1:], table.iterrows(), strict=True):
        answer = said[str(kept["cohort"])]
        assert row[2:] == [answer.level, answer.verdict.headline, " ".join(answer.verdict.sentences)]
        assert (kept["level"], kept["headline"]) == (answer.verdict.level, answer.verdict.headline)


def test_failed_arm_is_in_the_files(folder: Path):
    assert "failed" in (folder / "results.md").read_text(encoding="utf-8")
