from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import roc_auc_score

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
    training,
)
from sixgig.figures.catalogue import FORMATS, KINDS, draw_figure, figure_list, find_kinds, kinds_of, write_figures
from sixgig.results.study import Method, Study
from sixgig.tables.budget import BUDGET
from sixgig.tables.clinical import DECISION_CURVE
from sixgig.tables.contrasts import ARM_SUMMARY, CONTRASTS
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
    SUMMARY.write(pd.DataFrame(rows, columns=SUMMARY.column_names[:10]), folder / "summary.csv")
    for table, name in (
        (METRICS, "metrics.csv"),
        (COSTS, "costs.csv"),
        (BUDGET, "statistics/budget.csv"),
        (PAIRWISE, "statistics/pairwise.csv"),
        (DECISION_CURVE, "statistics/decision_curve.csv"),
        (CONTRASTS, "statistics/contrasts.csv"),
        (ARM_SUMMARY, "statistics/arm_summary.csv"),
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


OF_A_COHORT = [kind.name for kind in kinds_of(over_cohorts=False, trained=False, pictures=False)]
OVER_COHORTS = [kind.name for kind in kinds_of(over_cohorts=True)]


def test_a_module_with_a_kind_is_a_figure(tmp_path):
    kind = "KIND = Kind(name='mine', title='Mine', caption='It ' 'shows.', order=15, needs='training')"
    (tmp_path / "mine.py").write_text(f"import not_there\n\n{kind}\n")
    (tmp_path / "colours.py").write_text("RED = 1\n")
    (found,) = find_kinds(tmp_path).values()
    assert (found.name, found.caption, found.needs) == ("mine", "It shows.", "training")


def test_every_figure_has_its_module_and_its_caption_for_snakemake():
    folder = Path(catalogue.__file__).parent
    for name in KINDS:
        assert (folder / f"{name}.py").is_file()
        assert (folder.parents[1] / f"report/captions/{name}.rst").is_file()


def test_some_figures_need_a_trained_arm():
    names = [[kind.name for kind in kinds_of(False, *needs)] for needs in ((True, False), (True, True))]
    assert names == [[*OF_A_COHORT, "training"], [*OF_A_COHORT, "training", "reconstruction"]]
    assert OVER_COHORTS == ["critical_difference", "factors"]


@pytest.mark.parametrize("kind", OF_A_COHORT)
@pytest.mark.parametrize("cohort", ["brats_phantom", "acdc_phantom"])
def test_each_figure_names_its_cohort(study, kind, cohort):
    title = {"brats_phantom": "BraTS phantom (simulated)", "acdc_phantom": "ACDC phantom (simulated)"}[cohort]
    assert any(text.startswith(f"{title}: ") for text in words(draw_figure(study, kind, cohort)))


@pytest.mark.parametrize("kind", OF_A_COHORT)
def test_an_empty_figure_says_why(failed_study, kind):
    assert any("Nothing to draw: " in text for text in words(draw_figure(failed_study, kind, "c")))


@pytest.mark.parametrize(("verdict", "starred"), [("a better", 2), ("within noise", 0), ("not testable", 0)])
def test_only_what_the_test_finds_has_a_star(tmp_path, verdict, starred):
    pair = ("c", "balanced_accuracy", "vit_pure", "svm", "control_majority_class", "majority_class")
    tested = (0.4, 0.5, 2.0, 4, 0.01, 0.01) if verdict != "not testable" else (None, None, None, 4, None, None)
    row = (*pair, 0.45, *tested, None, 5, None, verdict)
    PAIRWISE.write(pd.DataFrame([row], columns=PAIRWISE.column_names), tmp_path / "statistics" / "pairwise.csv")
    methods = [("vit_pure", "svm"), ("control_majority_class", "majority_class")]
    rows = [("c", *method, "balanced_accuracy", 0.5, 0.4, 0.6, 9, "ok", "bca") for method in methods]
    SUMMARY.write(pd.DataFrame(rows, columns=SUMMARY.column_names[:10]), tmp_path / "summary.csv")
    (tmp_path / "study.json").write_text("{}")
    shown = words(draw_figure(Study(tmp_path), "pairwise", "c"))
    assert sum(text.endswith(" *") for text in shown) == starred
    assert sum(text.startswith(("+0.450", "\N{MINUS SIGN}0.450")) for text in shown) == 2


@pytest.mark.parametrize("kind", ["scores", "intervals", "confusion"])
def test_a_failed_arm_is_shown_as_failed(study, kind):
    assert words(draw_figure(study, kind, "brats_phantom")).count("failed") == 2
    assert "failed" not in words(draw_figure(study, kind, "elpv"))


def figure_files(folder, names):
    return [folder / f"{name}.{suffix}" for name in names for suffix in FORMATS]


def test_equal_results_give_equal_files(study, tmp_path):
    names = OF_A_COHORT[:3]  # twice is slow; three kinds will do
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_figures(study, figure_files(folder, names), "brats_phantom")
    assert len(list((tmp_path / "b").iterdir())) == 9
    for path in (tmp_path / "b").iterdir():
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()
    for name in names:
        text = (tmp_path / f"a/{name}.svg").read_text()
        assert "<dc:date>" not in text
        assert "<text" in text  # text stays text: small, and found by the browser's search
        pdf = (tmp_path / f"a/{name}.pdf").read_bytes()
        assert pdf.startswith(b"%PDF")
        assert b"CreationDate" not in pdf
        with Image.open(tmp_path / f"a/{name}.png") as picture:
            assert picture.width > 600


def test_the_list_of_figures_needs_no_drawing(tmp_path):
    (info,) = figure_list(tmp_path, [KINDS["roc"]], "a")
    assert (info.cohort, info.kind, info.svg) == ("a", "roc", tmp_path / "a/roc.svg")
    assert info.caption


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


@pytest.mark.parametrize("kind", OVER_COHORTS)
def test_figures_over_cohorts_are_always_equal(study, failed_study, tmp_path, kind):
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_figures(study, figure_files(folder, [kind]))
    for suffix in FORMATS:
        assert (tmp_path / f"a/{kind}.{suffix}").read_bytes() == (tmp_path / f"b/{kind}.{suffix}").read_bytes()
    assert any("Nothing to draw: " in text for text in words(draw_figure(failed_study, kind)))


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
    text = words(draw_figure(study, "critical_difference"))
    assert any("critical difference 2.71, of 3 possible (no verdict, so no bars)" in line for line in text)
    for name in ("Baseline CNN + SVM", "Random ViT + SRC", "Majority class"):
        assert sum(line.strip().startswith(name) for line in text) == 1
    assert not any("Sparse ViT" in line for line in text)


def test_a_ruler_wider_than_the_axis_ends_in_an_arrow(study, monkeypatch):
    def markers():
        return [line.get_marker() for line in draw_figure(study, "critical_difference").axes[0].lines]

    assert ">" not in markers()
    monkeypatch.setitem(study.__dict__, "omnibus", study.omnibus.assign(critical_difference=9.0))
    assert ">" in markers()


def test_the_shares_of_a_cohort_fill_its_bar(study):
    axes = draw_figure(study, "factors").axes[0]
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
    assert len({titles.arm_colour(name) for name in names}) == len(names)
    assert titles.arm_colour("an_arm_of_next_year") not in {titles.arm_colour(name) for name in names}


@pytest.mark.parametrize(
    ("method", "title"),
    [
        (Method("vit_pure", "svm"), "Pure ViT + SVM"),
        (Method("control_random_vit", "src"), "Random ViT + SRC (control)"),
        (Method("control_majority_class", "majority_class"), "Majority class (control)"),
        (Method("my_new_arm", "my_trees"), "my new arm + my trees"),
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
    write_figures(study, [tmp_path / "training.svg"], "acdc_phantom")
    assert (tmp_path / "training.svg").read_text().count("local loss") == 1  # where the second stage begins
    nothing = words(training.draw(study, "brats_phantom"))
    assert "Nothing to draw: no arm of this cohort was trained to its end" in nothing


def test_moving_average_keeps_the_start_and_smooths_the_rest():
    assert training.moving_average(np.array([4.0, 2.0, 0.0, 1.0])).tolist() == [4.0, 3.0, 2.0, 1.0]


def test_reconstructions_have_every_plane_of_volumes_and_one_of_images(study):
    text = words(reconstruction.draw(study, "acdc_phantom"))
    assert {"axial", "coronal", "sagittal"} <= set(text)
    assert text.count("masked input") == 3
    flat = words(reconstruction.draw(study, "elpv"))
    assert flat.count("masked input") == 1
    assert "axial" not in flat
    assert any("not trained to its end" in line for line in words(reconstruction.draw(study, "brats_phantom")))


@pytest.mark.parametrize(
    ("planes", "expected"),
    [
        ({"sagittal": 6}, ["sagittal", "axial", "coronal"]),
        ({"coronal": 6}, ["coronal", "axial", "sagittal"]),
        ({"axial": 2, "sagittal": 4}, []),  # of which volume a picture is, nobody knows
    ],
)
def test_reconstructions_of_other_slices_have_their_own_names(study, monkeypatch, planes, expected):
    monkeypatch.setattr(type(study), "cohort_info", lambda self, cohort: {"planes": planes})
    text = words(reconstruction.draw(study, "acdc_phantom"))
    assert list(dict.fromkeys(line for line in text if line in ("axial", "coronal", "sagittal"))) == expected


@pytest.mark.parametrize(("channels", "expected"), [(1, [7, 7, 7]), (2, [7, 7, 7]), (4, [7, 8, 9])])
def test_channels_become_colours(channels, expected):
    values = np.arange(7, 7 + channels, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 3), np.uint8)
    assert reconstruction.picture(values)[0, 0].tolist() == expected
