from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import roc_auc_score

from sixgig.errors import SixgigError
from sixgig.evaluation.calibration import reliability
from sixgig.figures import (
    calibration,
    catalogue,
    confusion,
    cost,
    critical_difference,
    intervals,
    reconstruction,
    roc,
    style,
    training,
)
from sixgig.figures.catalogue import KINDS, STUDY_KINDS, draw_cohort, draw_over_cohorts, figure_list
from sixgig.plan.plan import FIGURES
from sixgig.results.study import Method, Study
from sixgig.tables.budget import BUDGET
from sixgig.tables.costs import COSTS
from sixgig.tables.pairs import PAIRWISE
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import METRICS, SUMMARY
from sixgig.words import titles
from sixgig.words.language import speaking
from tests.unit.reporting.fake_study import COHORTS, FAILURE, write_fake_study, write_over_cohorts

CONFUSED = pd.DataFrame(
    [("a", 0, 0, "x", "x"), ("b", 0, 0, "x", "y"), ("c", 0, 1, "y", "y")], columns=PREDICTIONS.column_names
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(write_fake_study(tmp_path_factory.mktemp("results") / "fake"))


@pytest.fixture(scope="module")
def failed_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of one cohort whose only arm failed: nothing but empty tables."""
    folder = tmp_path_factory.mktemp("results") / "failed"
    rows = [("c", "vit_pure", "svm", "balanced_accuracy", None, None, None, 9, FAILURE, None)]
    SUMMARY.write(pd.DataFrame(rows, columns=SUMMARY.column_names), folder / "summary.csv")
    for table, name in (
        (METRICS, "metrics.csv"),
        (COSTS, "costs.csv"),
        (BUDGET, "statistics/budget.csv"),
        (PAIRWISE, "statistics/pairwise.csv"),
    ):
        table.write(pd.DataFrame(columns=table.column_names), folder / name)
    empty = pd.DataFrame(columns=PREDICTIONS.column_names)
    PREDICTIONS.write(empty, folder / "predictions" / "c" / "vit_pure.svm.csv")
    (folder / "study.json").write_text("{}")
    write_over_cohorts(folder)
    return Study(folder)


def words(figure: Figure) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_the_workflow_declares_the_same_figures():
    assert set(KINDS) == set(FIGURES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cohort", ["brats_phantom", "acdc_phantom"])
def test_each_figure_names_its_cohort(study, kind, cohort):
    assert any(text.startswith(f"{cohort}: ") for text in words(KINDS[kind].draw(study, cohort)))


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_figure_says_why(failed_study, kind):
    assert any("Nothing to draw: " in text for text in words(KINDS[kind].draw(failed_study, "c")))


@pytest.mark.parametrize(("verdict", "starred"), [("a better", 2), ("within noise", 0), ("not testable", 0)])
def test_only_what_the_test_finds_has_a_star(tmp_path, verdict, starred):
    pair = ("c", "balanced_accuracy", "vit_pure", "svm", "control_majority_class", "majority_class")
    tested = (0.4, 0.5, 2.0, 4, 0.01, 0.01) if verdict != "not testable" else (None, None, None, 4, None, None)
    row = (*pair, 0.45, *tested, None, 5, None, verdict)
    PAIRWISE.write(pd.DataFrame([row], columns=PAIRWISE.column_names), tmp_path / "statistics" / "pairwise.csv")
    methods = [("vit_pure", "svm"), ("control_majority_class", "majority_class")]
    rows = [("c", *method, "balanced_accuracy", 0.5, 0.4, 0.6, 9, "ok", "bca") for method in methods]
    SUMMARY.write(pd.DataFrame(rows, columns=SUMMARY.column_names), tmp_path / "summary.csv")
    (tmp_path / "study.json").write_text("{}")
    shown = words(KINDS["pairwise"].draw(Study(tmp_path), "c"))
    assert sum(text.endswith(" *") for text in shown) == starred
    assert sum(text.startswith(("+0.450", "\N{MINUS SIGN}0.450")) for text in shown) == 2


@pytest.mark.parametrize("kind", ["scores", "intervals", "confusion"])
def test_a_failed_arm_is_shown_as_failed(study, kind):
    assert words(KINDS[kind].draw(study, "brats_phantom")).count("failed") == 2
    assert "failed" not in words(KINDS[kind].draw(study, "elpv"))


def test_files_are_named_as_the_workflow_expects_and_always_equal(study, tmp_path):
    first = draw_cohort(study, "brats_phantom", tmp_path / "a")
    for info in figure_list(["brats_phantom"], tmp_path / "b")[:3]:  # twice is slow; three kinds will do
        catalogue.write_figure(study, info)
    assert {info.svg.relative_to(tmp_path / "a").as_posix() for info in first} == {
        f"brats_phantom/{kind}.svg" for kind in KINDS
    }
    for path in (tmp_path / "b").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "a" / path.relative_to(tmp_path / "b")).read_bytes()
    assert len(list((tmp_path / "b").rglob("*.*"))) == 9
    for info in first:
        text = info.svg.read_text()
        assert "<dc:date>" not in text
        assert "<text" in text  # text stays text: small, and found by the browser's search
        assert info.pdf.read_bytes().startswith(b"%PDF")
        assert b"CreationDate" not in info.pdf.read_bytes()
        with Image.open(info.png) as picture:
            assert picture.width > 600


def test_an_unknown_cohort_is_refused(study, tmp_path):
    with pytest.raises(SixgigError, match=r"no cohort 'xyz' in summary.csv\n  Next step: use one of elpv"):
        draw_cohort(study, "xyz", tmp_path)


def test_the_list_of_figures_needs_no_drawing(tmp_path):
    assert [(info.cohort, info.kind) for info in figure_list(["a", "b"], tmp_path)] == [
        (cohort, kind) for cohort in ("a", "b") for kind in KINDS
    ]
    assert catalogue.KINDS["roc"].caption


def test_confusion_rows_add_up_to_one():
    assert confusion.shares(CONFUSED, ["x", "y"]).tolist() == [[0.5, 0.5], [0.0, 1.0]]
    assert np.isnan(confusion.shares(CONFUSED, ["x", "y", "z"])[2]).all()


@pytest.mark.parametrize("cohort", COHORTS)
def test_roc_area_is_the_mean_over_repeats_and_classes(study, cohort):
    predictions = study.predictions(cohort, Method("vit_pure", "svm"))
    classes = sorted(predictions["label"].unique())
    expected = np.mean(
        [
            roc_auc_score(part["label"] == name, part[f"score_{name}"])
            for _, part in predictions.groupby("repeat")
            for name in (classes[-1:] if len(classes) == 2 else classes)
        ]
    )
    found = roc.curve(predictions)
    assert found.area == pytest.approx(expected, abs=1e-12)
    assert np.trapezoid(found.true_positive, found.false_positive) == pytest.approx(expected, abs=0.01)
    assert (np.diff(found.true_positive) >= 0).all()


def test_roc_needs_scores_and_two_classes():
    assert roc.curve(CONFUSED) is None
    assert roc.curve(CONFUSED[CONFUSED["label"] == "x"].assign(score_x=0.5)) is None


@pytest.mark.parametrize(
    ("cohort", "what"),
    [
        ("brats_phantom", "score of HGG; observed: share of subjects of this class"),
        ("acdc_phantom", "score of the predicted class; observed: share of predictions that are right"),
    ],
)
def test_calibration_shows_the_error_beside_that_of_perfect_scores(study, cohort, what):
    text = words(calibration.draw(study, cohort))
    assert what in text
    found = reliability(study.predictions(cohort, Method("vit_pure", "svm")), study.positive(cohort))
    assert f"error {found.error:.3f}\nby chance {found.error_if_calibrated:.3f}" in text
    assert sum(line.startswith("error ") for line in text) == sum(
        study.predictions(cohort, method) is not None
        for method in study.methods(cohort)
        if method.classifier != "majority_class"
    )
    with speaking("pt-BR"):
        portuguese = calibration.draw(study, cohort)
    lines = {line for text in words(portuguese) for line in text.split("\n")}  # read when no language is chosen
    assert {"0,5", "proporção observada"} <= lines


@pytest.mark.parametrize("kind", STUDY_KINDS)
def test_figures_over_cohorts_are_named_and_always_equal(study, failed_study, tmp_path, kind):
    first, again = (
        {info.kind: info for info in draw_over_cohorts(study, tmp_path / name)}[kind] for name in ("a", "b")
    )
    assert first.svg == tmp_path / "a" / f"{kind}.svg"
    for name in ("svg", "png", "pdf"):
        assert getattr(first, name).read_bytes() == getattr(again, name).read_bytes()
    assert any("Nothing to draw: " in text for text in words(STUDY_KINDS[kind].draw(failed_study)))


def test_bars_join_the_groups_of_the_table():
    rows = {"average_rank": [1.5, 1.5, 3.0, 4.0, 4.5], "groups": ["1", "1", "1 2", "2", None]}
    assert critical_difference.bars(pd.DataFrame(rows)) == [
        critical_difference.Bar(1.5, 3.0),
        critical_difference.Bar(3.0, 4.0),
    ]
    alone = pd.DataFrame({"average_rank": [1.0, 2.0], "groups": ["1", "2"]})
    assert critical_difference.bars(alone) == []
    assert critical_difference.bars(alone.assign(groups=None)) == []


def test_the_diagram_names_every_ranked_method_and_control(study):
    text = words(STUDY_KINDS["critical_difference"].draw(study))
    assert any("critical difference 2.71, of 3 possible (no verdict, so no bars)" in line for line in text)
    for name in ("Baseline CNN + SVM", "Random ViT + SRC", "Majority class"):
        assert sum(line.strip().startswith(name) for line in text) == 1
    assert not any("Sparse ViT" in line for line in text)


def test_a_ruler_wider_than_the_axis_ends_in_an_arrow(study, monkeypatch):
    def markers():
        return [line.get_marker() for line in STUDY_KINDS["critical_difference"].draw(study).axes[0].lines]

    assert ">" not in markers()
    monkeypatch.setitem(study.__dict__, "omnibus", study.omnibus.assign(critical_difference=9.0))
    assert ">" in markers()


def test_the_shares_of_a_cohort_fill_its_bar(study):
    axes = STUDY_KINDS["factors"].draw(study).axes[0]
    widths = np.array([[bar.get_width() for bar in part] for part in axes.containers])
    assert widths.shape == (3, 3)
    np.testing.assert_allclose(widths.sum(axis=0), 1)


def test_the_cost_figure_joins_the_front(study):
    axes = cost.draw(study, "acdc_phantom").axes
    assert [panel.get_xlabel() for panel in axes] == [
        "Wall time of training, encoding and classifier (seconds)",
        "Peak host memory (MiB)",
        "Features per subject",
    ]
    rows = study.budget[(study.budget["cohort"] == "acdc_phantom") & (study.budget["front_seconds"] == "yes")]
    front = next(line for line in axes[0].lines if line.get_label() == "Pareto front")
    assert sorted(front.get_xdata()) == sorted(rows["seconds"])


@pytest.mark.parametrize(
    ("metric", "classes", "level"),
    [
        ("balanced_accuracy", 4, 0.25),
        ("balanced_accuracy", None, None),
        ("macro_auc", 4, 0.5),
        ("mcc", 2, 0),
        ("accuracy", 2, None),
    ],
)
def test_the_level_of_guessing(metric, classes, level):
    assert intervals.guessing(metric, classes) == level


def test_arms_never_share_a_colour():
    names = [
        "baseline_cnn",
        "vit_pure",
        "vit_contrastive",
        "vit_mim",
        "vit_sparse",
        "control_random_vit",
        "control_majority_class",
    ]
    assert len({style.arm_colour(name) for name in names}) == len(names)
    assert style.arm_colour("an_arm_of_next_year") not in {style.arm_colour(name) for name in names}


@pytest.mark.parametrize(
    ("method", "title"),
    [
        (Method("vit_pure", "svm"), "Pure ViT + SVM"),
        (Method("control_random_vit", "src"), "Random ViT + SRC (control)"),
        (Method("control_majority_class", "majority_class"), "Majority class (control)"),
        (Method("my_new_arm", "knn"), "my new arm + knn"),
    ],
)
def test_titles(method, title):
    assert titles.method_title(method) == title


@pytest.mark.parametrize(
    ("metric", "title"),
    [("balanced_accuracy", "balanced accuracy"), ("macro_auc", "area under the ROC curve"), ("macro_f1", "macro F1")],
)
def test_metric_titles_inside_a_sentence(metric, title):
    assert titles.lower_case(titles.metric_title(metric)) == title


def test_training_curves_are_drawn_for_trained_arms_only(study, tmp_path):
    (info,) = catalogue.draw_training(study, "acdc_phantom", tmp_path)
    assert info.svg.read_text().count("local loss") == 1  # a line and a word where the second stage begins
    assert info.png.stat().st_size > 1000
    nothing = words(training.draw(study, "brats_phantom"))
    assert "Nothing to draw: no arm of this cohort was trained to its end" in nothing


def test_moving_average_keeps_the_start_and_smooths_the_rest():
    assert training.moving_average(np.array([4.0, 2.0, 0.0, 1.0])).tolist() == [4.0, 3.0, 2.0, 1.0]


def test_reconstructions_have_every_plane_of_volumes_and_one_of_images(study, tmp_path):
    (info,) = catalogue.draw_reconstructions(study, "acdc_phantom", tmp_path)
    assert info.png.stat().st_size > 1000
    text = words(reconstruction.draw(study, "acdc_phantom"))
    assert {"axial", "coronal", "sagittal"} <= set(text)
    assert text.count("masked input") == 3
    flat = words(reconstruction.draw(study, "elpv"))
    assert flat.count("masked input") == 1
    assert "axial" not in flat
    assert any("not trained to its end" in line for line in words(reconstruction.draw(study, "brats_phantom")))


@pytest.mark.parametrize(("channels", "expected"), [(1, [7, 7, 7]), (2, [7, 7, 7]), (4, [7, 8, 9])])
def test_channels_become_colours(channels, expected):
    values = np.arange(7, 7 + channels, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 3), np.uint8)
    assert reconstruction.picture(values)[0, 0].tolist() == expected
