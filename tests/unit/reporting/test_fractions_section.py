"""The report's section on label fractions: its sentence, its table, its figure, and studies without it."""

from pathlib import Path

import pytest

from sixgig.figures.catalogue import draw_figure
from sixgig.reporting import exports, fractions, page, results
from sixgig.results.study import Study
from sixgig.tables.fractions import FRACTIONS
from sixgig.words.showing import showing
from tests.unit.reporting.wide_study import write_wide_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wide_study(tmp_path_factory.mktemp("results") / "fake", cohorts=("elpv",), n_arms=3)


def changed(folder: Path, estimates: dict[tuple[str, float], float], half: float = 0.02) -> Study:
    """Return a study whose arms have these estimates at these fractions, with narrow intervals, all else far below."""
    table = FRACTIONS.read(folder / "fractions.csv")
    for row, (arm, share) in enumerate(zip(table["arm"], table["fraction"], strict=True)):
        estimate = estimates.get((arm, share), 0.5)
        names = ["estimate", "ci_low", "ci_high"]
        table.loc[row, names] = (estimate, estimate - half, estimate + half)
    study = Study(folder)
    study.__dict__["fractions"] = table
    return study


def said(study: Study) -> list[str]:
    with showing(study):
        return [fractions.sentence(study, cohort) for cohort in study.cohorts]


def test_the_sentence_names_an_arm_where_the_intervals_show_it(folder):
    full = {("dinov2_small", 1.0): 0.9, ("dinov3_base", 1.0): 0.85, ("siglip2", 1.0): 0.8}
    assert said(changed(folder, full | {("dinov2_small", 0.25): 0.88})) == [
        "On ELPV solar cells DINOv2 ViT-S/14 + SVM reaches a balanced accuracy of 0.85 with fewest labelled subjects: "
        "18 (25% of a "
        "training fold), where its 95% interval is 0.860 to 0.900 and those of all other arms end below 0.85."
    ]
    study = changed(folder, full | {("dinov2_small", 0.25): 0.88, ("siglip2", 0.25): 0.84})
    (text,) = said(study)
    assert text.startswith("On ELPV solar cells it is not shown which arm reaches a balanced accuracy of 0.85")
    assert text.endswith("0.860 to 0.900, and 2 of 3 arms and controls have intervals that reach that level.")
    assert "DINOv2" not in text
    assert said(changed(folder, full)) == [
        "On ELPV solar cells no arm reaches a balanced accuracy of 0.85 with fewer than all 72 labelled subjects."
    ]


def test_failed_fractions_are_said_in_the_sentence_and_among_what_failed(folder):
    study = changed(folder, {("dinov2_small", 1.0): 0.9, ("dinov3_base", 1.0): 0.85})
    table = study.fractions
    few = (table["fraction"] < 1) & ((table["fraction"] > 0.2) | (table["arm"] != "dinov2_small"))
    table.loc[few, ["estimate", "ci_low", "ci_high"]] = None
    table.loc[few, "status"] = "failed: class 'defect' has 1 labelled subject"
    assert said(study)[0].startswith("On ELPV solar cells no arm reaches")
    table.loc[table["fraction"] < 1, ["estimate", "ci_low", "ci_high"]] = None
    table.loc[table["fraction"] < 1, "status"] = "failed: class 'defect' has 1 labelled subject"
    assert said(study) == [
        "On ELPV solar cells no method could be trained with fewer than all labels; see what failed."
    ]
    with showing(study):
        rows = [[cell.text for cell in row] for row in results.trouble(study).rows]
    assert [
        "ELPV solar cells",
        "DINOv2 ViT-S/14",
        "failed",
        "SVM with 10% of the labels: class 'defect' has 1 labelled subject",
    ] in rows


def test_the_table_has_a_column_for_every_fraction_and_what_is_needed_for_the_level(folder):
    full = {("dinov2_small", 1.0): 0.9, ("dinov3_base", 1.0): 0.85, ("siglip2", 1.0): 0.8}
    study = changed(folder, full | {("dinov2_small", 0.25): 0.88})
    with showing(study):
        view = fractions.estimates(study, "elpv")
    assert view.columns == ["Method", "7 (10%)", "18 (25%)", "36 (50%)", "72 (100%)", "Labels to reach 0.85"]
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in view.rows}
    assert len(rows) == 6
    assert rows["DINOv2 ViT-S/14 + SVM"][1::3] == ["0.880 [0.860, 0.900]", "18"]
    assert rows["SigLIP 2 So400m + SRC"][-1] == "n/a"


def test_the_figure_has_a_panel_for_every_arm(folder):
    figure = draw_figure(Study(folder), "fractions", "elpv")
    panels = [axes.get_title() for axes in figure.axes if axes.get_visible()]
    assert sorted(panels) == ["DINOv2 ViT-S/14", "DINOv3 ViT-B/16", "SigLIP 2 So400m"]
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == ["7\n10%", "18\n25%", "36\n50%", "72\n100%"]


def test_exports_have_the_table_where_the_study_has_the_curves(folder, drawn_study):
    assert "elpv.fractions" in [name for name, _ in exports.table_views(Study(folder))]
    assert "elpv.fractions" not in [name for name, _ in exports.table_views(Study(drawn_study))]
    assert 'id="fractions"' not in page.render(Study(drawn_study))
