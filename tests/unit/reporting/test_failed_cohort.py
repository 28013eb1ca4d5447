"""A cohort that failed stands in the report in clear words, with no number of it, and the other cohorts go on."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from sixgig.cohorts.outcome import _leave_failed
from sixgig.figures.catalogue import draw_figure, kinds_of
from sixgig.reporting import page as page_module
from sixgig.reporting.exports import write_tables
from sixgig.reporting.page import render
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json, write_json
from sixgig.tables.clinical import CLINICAL, DECISION_CURVE
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.contrasts import ARM_SUMMARY, CONTRASTS
from sixgig.tables.pairs import BAYESIAN, DELONG, MCNEMAR, PAIRWISE
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import METRICS, SUMMARY
from sixgig.verification.findings import ERROR, NOTE
from sixgig.verification.gates import check_gate, check_splits
from tests.unit.reporting.fake_study import write_fake_study, write_over_cohorts

COHORT, REASON = "brats_phantom", "splits.csv: subject 7 is in two folds <at once>"


def fail(folder: Path) -> None:
    """Leave of a cohort what its jobs leave when it fails."""
    own = folder / "cohorts" / COHORT
    _leave_failed(own, f"failed: {REASON}", 16, folder / "none", simulated=True)
    SPLITS.write(pd.DataFrame(columns=SPLITS.column_names), own / "splits.csv")
    write_json(own / "leakage.json", {"passed": False, "status": f"failed: {REASON}"})
    for table, path in (
        (METRICS, folder / "metrics.csv"),
        (PAIRWISE, folder / "statistics/pairwise.csv"),
        (BAYESIAN, folder / "statistics/bayesian.csv"),
        (MCNEMAR, folder / "statistics/mcnemar.csv"),
        (DELONG, folder / "statistics/delong.csv"),
        (SUMMARY, folder / "test_summary.csv"),
        (CONTRASTS, folder / "statistics/contrasts.csv"),
        (ARM_SUMMARY, folder / "statistics/arm_summary.csv"),
        (CLINICAL, folder / "statistics/clinical.csv"),
        (DECISION_CURVE, folder / "statistics/decision_curve.csv"),
    ):
        rows = table.read(path)
        table.write(rows[rows["cohort"] != COHORT], path)
    summary = SUMMARY.read(folder / "summary.csv")
    failed = summary["cohort"] == COHORT
    summary.loc[failed, ["estimate", "ci_low", "ci_high"]] = np.nan
    summary.loc[failed, "ci_method"] = None
    summary.loc[failed, "n_subjects"] = 0
    summary.loc[failed, "status"] = f"failed: cohort {COHORT}: {REASON}"
    SUMMARY.write(summary, folder / "summary.csv")
    for path in (folder / "predictions" / COHORT).glob("*.csv"):
        PREDICTIONS.write(pd.DataFrame(columns=PREDICTIONS.column_names), path)
    for path in (folder / "features" / COHORT).glob("*.json"):
        write_json(path, read_json(path) | {"status": f"failed: cohort {COHORT}: {REASON}", "fallbacks": []})
    write_over_cohorts(folder)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = write_fake_study(tmp_path_factory.mktemp("failed") / "fake")
    fail(folder)
    return Study(folder)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "This cohort failed, and nothing was computed on it: {reason}."),
        ("pt-BR", "Esta coorte falhou, e nada foi calculado com ela: {reason}."),
    ],
)
def test_the_report_says_so(study: Study, language: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Study(study.folder)
    own.info["config"]["language"] = language
    monkeypatch.setattr(page_module, "inline_svg", lambda info: "")
    page = render(own)
    said = sentence.format(reason=REASON.replace("<", "&lt;").replace(">", "&gt;"))
    assert page.count(said) == 2  # the verdict and the cohort's section
    section = re.search(rf'id="about-{COHORT}".*?</article>', page, re.DOTALL)
    assert section is not None
    assert "SHA-256" not in section[0]
    assert page.count('<article class="cohort">') == 3


@pytest.mark.parametrize("kind", [kind.name for kind in kinds_of(over_cohorts=False)])
def test_its_figures_say_that_there_is_nothing_to_draw(study: Study, kind: str) -> None:
    words = [text.get_text() for text in draw_figure(study, kind, COHORT).findobj(Text)]
    assert any("Nothing to draw: " in text for text in words)


def test_the_list_of_failures_has_one_row_for_it(study: Study) -> None:
    from sixgig.reporting.results import trouble

    rows = [[cell.text for cell in row] for row in trouble(study).rows if row[0].text == COHORT]
    assert rows == [[COHORT, "every arm", "failed", REASON]]


def test_verify_notes_it_and_takes_no_metric_of_it(study: Study, tmp_path: Path) -> None:
    said = f"{COHORT}: failed, and nothing was computed on it: {REASON}"
    assert list(check_splits(study, COHORT)) == []
    assert [(found.level, found.text) for found in check_gate(study, COHORT)] == [(NOTE, said)]
    shutil.copytree(study.folder, tmp_path / "fake")
    own = Study(tmp_path / "fake")
    rows = own.metrics[own.metrics["cohort"] == "elpv"].head(1).assign(cohort=COHORT)
    METRICS.write(rows, own.folder / "metrics.csv")
    levels = [found.level for found in check_gate(Study(own.folder), COHORT)]
    assert levels == [NOTE, ERROR]


def test_tables_have_no_number_of_it(study: Study) -> None:
    write_tables(study, study.folder / "tables")
    assert study.failed_cohort(COHORT) == REASON
    assert study.failed_cohort("elpv") == ""
    assert study.summary[study.summary["cohort"] == COHORT]["estimate"].isna().all()
    for table in (study.metrics, study.pairwise, study.bayesian, study.mcnemar, study.delong):
        assert COHORT not in set(table["cohort"])
    assert study.omnibus["n_cohorts"].tolist() == [2]
