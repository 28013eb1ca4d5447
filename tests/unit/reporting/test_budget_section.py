"""The sentences on cost, rule by rule."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sixgig.reporting import budget
from sixgig.results.study import Study
from sixgig.runtime.atomic import write_json
from sixgig.tables.budget import BUDGET
from sixgig.tables.pairs import PAIRWISE


def make(
    folder: Path, points: dict[str, tuple[float, float, str]], verdict: str | None = "within noise", device: str = "cpu"
) -> Study:
    """A study of one cohort from arm -> (seconds, estimate, front); ``verdict`` is that of vit_pure against the CNN."""
    rows = [
        ("c", arm, "svm", "balanced_accuracy", estimate, estimate - 0.1, estimate + 0.1, seconds, 0.0, seconds - 1, 1.0,
         device if arm == "vit_pure" else "cpu", 0.0, 900.0, 384, front or None,
         None, "no" if front else None, None, "ok")
        for arm, (seconds, estimate, front) in points.items()
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=BUDGET.column_names)
    BUDGET.write(frame, folder / "statistics" / "budget.csv")
    pair = ("c", "balanced_accuracy", "vit_pure", "svm", "baseline_cnn", "svm", 0.1, 0.0, 0.2, 1.0, 14, 0.01, 0.02, 0.5)
    pairs = [] if verdict is None else [(*pair, 15, 0.1, verdict)]
    pairs = pd.DataFrame(pairs, columns=PAIRWISE.column_names)
    PAIRWISE.write(pairs, folder / "statistics" / "pairwise.csv")
    write_json(folder / "study.json", {})
    return Study(folder)


TWO = {"baseline_cnn": (20.0, 0.7, "yes"), "vit_pure": (90.0, 0.8, "yes"), "vit_mim": (300.0, 0.5, "no")}
START = "On c Baseline CNN + SVM is fastest (0.700 in 20.0 s), and Pure ViT + SVM scores best (0.800 in 1 min 30 s): "


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("within noise", "within noise (corrected p = 0.020), so the time is not shown to buy anything."),
        ("not testable", "every fold shows the same difference between the two, so the paired test is not defined."),
        ("a better", "the paired test finds the slower one better (corrected p = 0.020)."),
        ("b better", "the paired test favours the faster one (corrected p = 0.020)."),
        (None, "the two were not tested against each other."),
    ],
)
def test_more_time_buys_what_the_test_finds(tmp_path, verdict, words):
    assert budget.sentences(make(tmp_path, TWO, verdict)) == [START + words]


def test_one_method_may_be_fastest_and_best(tmp_path):
    points = TWO | {"vit_pure": (90.0, 0.6, "no"), "control_random_vit": (1.0, 0.9, "")}
    assert budget.sentences(make(tmp_path, points)) == [
        "On c no arm is faster or scores better than Baseline CNN + SVM (0.700 in 20.0 s)."
    ]


def test_different_devices_are_no_fair_comparison(tmp_path):
    assert budget.sentences(make(tmp_path, TWO, device="cuda"))[1] == (
        "On c the arms ran on different devices (cpu, cuda), so their times cannot be compared fairly."
    )


def test_a_cohort_without_a_front_has_no_sentence(tmp_path):
    assert budget.sentences(make(tmp_path, {"control_random_vit": (1.0, 0.9, "")})) == []


def test_the_table_names_the_fronts_of_a_method(tmp_path):
    view = budget.budget(make(tmp_path, TWO))
    assert [row[3].text for row in view.rows] == ["time", "time", "none"]
    assert view.rows[0][view.columns.index("Training")].text == "none"
    assert [row[2].strong for row in view.rows] == [True, True, False]
    assert len({len(row) for row in view.rows} | {len(view.columns)}) == 1
