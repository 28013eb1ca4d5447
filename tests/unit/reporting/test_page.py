from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sixgig.errors import SixgigError, TableError
from sixgig.reporting import cohorts, comparisons, copies, results
from sixgig.reporting.page import write_report
from sixgig.results.study import Method, Study
from sixgig.runtime.atomic import read_json, write_json
from sixgig.words import numbers
from tests.unit.reporting.fake_study import COHORTS, write_fake_study

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Checker(HTMLParser):
    """Collects ids and text, and checks that tags close in order (SVG's self-closing tags included)."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.urls: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "action", "data"):
                self.urls.append(value)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.text += data


def parse(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    return checker


@pytest.fixture(scope="module")
def html(drawn_study: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    output = tmp_path_factory.mktemp("report") / "report.html"
    write_report(Study(drawn_study), output)
    return output.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Checker:
    return parse(html)


def test_the_page_is_whole_and_small(html, page):
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert len(html.encode()) < 5_000_000


def test_nothing_is_loaded_from_elsewhere(html, page):
    assert page.urls
    assert {url for url in page.urls if not url.startswith(("#", "data:"))} == set()
    assert not re.search(r"""(@import|url\(\s*["']?(?!["']?(#|data:)))""", html)
    assert "default-src 'none'" in html


def test_every_link_inside_the_page_leads_somewhere(page):
    assert {url[1:] for url in page.urls if url.startswith("#")} <= set(page.ids)


@pytest.mark.parametrize(
    "words",
    [
        "Verdict",
        "Each cohort stands alone: a verdict over cohorts needs at least 5 of them, and this study has 3.",
        "Simulated cohorts (BraTS phantom (simulated), ACDC phantom (simulated))",
        "Not ranked: Sparse ViT + SVM, Sparse ViT + SRC, without an estimate on BraTS phantom (simulated).",
        "Nemenyi's critical difference is 2.71 ranks of 3 possible.",
        "On ELPV solar cells the arm explains 92% of the variance between methods",
        "On ACDC phantom (simulated) Sparse ViT + SVM is fastest",
        "image-level split",
        "Leakage gate passed",
        "duplicates within fold: 1",
        "the file ends early: 1,204 of 9,600 bytes",
        "batch size 16 -> 8 after running out of GPU memory",
        "snakemake --cores 2",
        "0123456789abcdef with uncommitted changes",
        "7.8 GiB",
        "90a0b02effff",
        "Red, green and blue hold flair, t1ce, t2",
    ],
)
def test_what_a_reader_must_find(page, words):
    assert words in page.text


def test_the_splits_are_identified(page, drawn_study):
    study = Study(drawn_study)
    assert all(study.splits_sha256(cohort) in page.text for cohort in COHORTS)


def test_simulated_cohorts_are_marked_and_real_ones_are_not(html):
    first = html[html.index('id="verdict"') : html.index('class="toc"')]
    cards = re.findall(r"<h2>([\w ()]+) <span class=\"chip[^\"]*\">([^<]+)</span>", first)
    # Real ones stand first.
    assert cards == [
        ("ELPV solar cells", "real images"), ("BraTS phantom (simulated)", "SIMULATED"),
        ("ACDC phantom (simulated)", "SIMULATED"),
    ]  # fmt: skip
    assert re.findall(r'class="answer \w+( small-answer)?"', first) == ["", " small-answer", " small-answer"]


def test_text_table_and_figure_show_the_same_number(html, drawn_study):
    study = Study(drawn_study)
    for cohort in COHORTS:
        rows = study.estimates(cohort)
        done = {method: row for method, row in rows.items() if not numbers.is_missing(row["estimate"])}
        best = max((m for m in done if not m.is_control), key=lambda m: done[m]["estimate"])
        text = numbers.with_interval(*(done[best][name] for name in ("estimate", "ci_low", "ci_high")))
        figure = (drawn_study / "figures" / cohort / "intervals.svg").read_text()
        in_cell = text.replace(", ", ",\u00a0")  # a line may not end within an interval
        assert f"<strong>{in_cell}</strong>" in html
        assert text in figure


def test_a_failed_arm_stays_in_every_table(drawn_study):
    study = Study(drawn_study)
    overview = results.overview(study)
    column = overview.columns.index("brats_phantom")
    cells = {row[0].text: row[column].text for row in overview.rows}
    assert cells["Sparse ViT + SVM"] == cells["Sparse ViT + SRC"] == "failed"
    metrics = results.all_metrics(study, "brats_phantom")
    assert ["failed"] * 4 in [[cell.text for cell in row[1:]] for row in metrics.rows]
    assert [[cell.text for cell in row] for row in results.trouble(study).rows] == [
        [
            "brats_phantom",
            "Sparse ViT",
            "failed",
            "the dictionary has 128 atoms, but only 24 pretraining images exist <lower atoms>",
        ],
        ["acdc_phantom", "Pure ViT", "fallback", "batch size 16 -> 8 after running out of GPU memory"],
    ]


def test_one_estimate_per_cohort_is_bold(drawn_study):
    overview = results.overview(Study(drawn_study))
    for column in range(1, len(overview.columns)):
        assert sum(row[column].strong for row in overview.rows) == 1


def test_text_of_users_is_escaped(tmp_path, drawn_study):
    folder = tmp_path / "fake"
    shutil.copytree(drawn_study, folder)
    study = Study(folder)
    study.info["config"]["title"] = "<script>alert('title')</script> & more"
    write_report(study, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(&#39;title&#39;)&lt;/script&gt; &amp; more" in html
    assert "exist &lt;lower atoms&gt;" in html
    assert "<lower atoms>" not in html


def test_every_table_of_a_transductive_study_is_stamped(html, drawn_study, tmp_path):
    study = Study(drawn_study)
    study.info["config"]["scope"] = "transductive"
    write_report(study, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    tables = page.count("<table ")
    assert tables == html.count("<table ") > 10
    assert len(re.findall(r'<p class="caption" id="[^"]+"><span class="chip warn">TRANSDUCTIVE</span>', page)) == tables
    assert "TRANSDUCTIVE" not in html


def test_the_same_study_gives_the_same_page(html, drawn_study, tmp_path):
    write_report(Study(drawn_study), tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == html


def test_a_missing_figure_is_named(tmp_path):
    study = Study(write_fake_study(tmp_path / "fake", cohorts=("brats_phantom",)))
    with pytest.raises(SixgigError, match=r"forest\.svg: the figure has not been drawn\n  Next step: run the figures"):
        write_report(study, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_missing_cohort_file_is_named(tmp_path, drawn_study):
    shutil.copytree(drawn_study, tmp_path / "fake")
    (tmp_path / "fake" / "cohorts" / "elpv" / "cohort.json").unlink()
    with pytest.raises(TableError, match=r"cohort\.json: the study has not written this file yet"):
        write_report(Study(tmp_path / "fake"), tmp_path / "report.html")


@pytest.mark.parametrize(
    ("gate", "passed", "words"),
    [
        ({"passed": True, "n_images": 1200}, True, "Leakage gate passed (images: 1,200)."),
        ({"passed": False}, False, "Leakage gate FAILED."),
        (
            {"passed": False, "near_copies_across": [["a", "b"], ["c", "d"]]},
            False,
            "Leakage gate NOT passed: 2 groups of near copies are in different roles or folds, so estimates may be too "
            "high; look at copies.csv, and set duplicates of this cohort to group or drop (near copies across: 2).",
        ),
        ({}, None, "Leakage gate: result not stated."),
    ],
)
def test_leakage_sentence(gate, passed, words):
    assert cohorts.leakage_sentence(gate) == (passed, words)


_COPIES = {
    "policy": "stop", "groups": 0, "identical": 0, "near": 0, "dropped": 0, "contradictory": 0,
    "contradictory_pairs": 0, "subjects_joined": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "none between subjects"),
        (
            {"groups": 66, "identical": 12, "near": 174, "contradictory_pairs": 1},
            "66 groups of different subjects, with 12 images that have an identical copy and 174 that have a near one "
            "(flipped, turned or recompressed); duplicates: stop left them as they are; 1 pairs have contradictory "
            "labels; copies.csv lists them",
        ),
        (
            {"policy": "group", "groups": 2, "identical": 4, "subjects_joined": 2, "dropped": 1},
            "2 groups of different subjects, with 4 images that have an identical copy and 0 that have a near one "
            "(flipped, turned or recompressed); duplicates: group made 2 subjects part of another one; 1 copies were "
            "left out; copies.csv lists them",
        ),
        (
            {"policy": "drop", "groups": 1, "near": 2, "dropped": 0, "contradictory": 2},
            "1 groups of different subjects, with 0 images that have an identical copy and 2 that have a near one "
            "(flipped, turned or recompressed); duplicates: drop; 2 copies with contradictory labels were left out; "
            "copies.csv lists them",
        ),
    ],
)
def test_copies_are_counted_and_what_was_done_is_said(found, words):
    assert copies.sentence(_COPIES | found) == words


def test_near_copies_on_two_sides_are_shown(drawn_study, tmp_path):
    shutil.copytree(drawn_study, tmp_path / "fake")
    place = tmp_path / "fake/cohorts/elpv/leakage.json"
    write_json(place, {**read_json(place), "passed": False, "near_copies_across": [["p-7", "q-9"]]})
    write_report(Study(tmp_path / "fake"), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert page.count("Leakage gate NOT passed: 1 groups of near copies") == 2  # above the verdict, and at the cohort
    assert "p-7 ~ q-9" in page


def test_pairs_are_sorted_by_corrected_p(drawn_study):
    study = Study(drawn_study)
    table = comparisons.pairs(study, "elpv")
    column = table.columns.index("p (Holm)")
    values = [row[column].sort for row in table.rows]
    assert values == sorted(values)
    assert len(values) == 36
    first = table.rows[0]
    assert first[-1].text.endswith(" better")
    assert not first[-1].strong  # no verdict rests on it


def test_method_titles_in_tables(drawn_study):
    names = [row[0].text for row in results.overview(Study(drawn_study)).rows]
    assert names[0] == "Baseline CNN + SVM"
    assert names[-1] == "Majority class (control)"
    assert Method("control_random_vit", "svm").is_control


def test_features_of_other_versions_are_named(tmp_path):
    folder = write_fake_study(tmp_path / "fake", cohorts=("brats_phantom",))
    path = folder / "features" / "brats_phantom" / "vit_pure.json"

    def kept(**changes):
        write_json(path, read_json(path) | changes)
        rows = results.trouble(Study(folder)).rows
        return [row[3].text for row in rows if row[2].text == "other versions"]

    assert kept(versions={"torch": "2.10.0+cu128", "timm": "1.0.31", "torchvision": "0.25.0"}) == []
    before = {"versions": {"torch": "2.9.1+cpu"}}
    assert kept(versions={"torch": "2.10.0", "timm": "1.0.19"}, weights={"pretraining": before}) == [
        "trained with torch 2.9.1+cpu; the study has torch 2.10.0",
        "encoded with timm 1.0.19; the study has timm 1.0.31",
    ]
