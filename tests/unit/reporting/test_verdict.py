"""The verdict of a study on disk: which tables it reads, and that page, plot and table of contrasts say the same."""

from __future__ import annotations

import pytest

from sixgig.reporting import verdict
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json, write_json
from sixgig.tables.contrasts import CONTRASTS
from sixgig.words.showing import showing
from tests.unit.reporting.fake_study import write_fake_study


@pytest.fixture
def study(tmp_path):
    return Study(write_fake_study(tmp_path / "fake", cohorts=("elpv", "acdc_phantom")))


def test_a_verdict_reads_the_rows_of_its_cohort_and_metric(study):
    tables = verdict.tables_of(study, "elpv")
    assert set(tables.contrasts["cohort"]) == set(tables.arm_summary["cohort"]) == {"elpv"}
    assert set(tables.summary["metric"]) == {"balanced_accuracy"}
    assert tables.rivals == tables.done == ["baseline_cnn", "vit_pure", "vit_sparse"]
    assert (tables.n_classes, tables.alpha, tables.relevant) == (2, 0.05, 0.05)
    assert tables.learning >= {"vit_sparse"}
    assert "vit_pure" not in tables.learning
    budget = study.budget[(study.budget["cohort"] == "elpv") & (study.budget["arm"] == "vit_pure")]
    shared = budget[["seconds_train", "seconds_encode"]].iloc[0].sum()
    assert tables.seconds["vit_pure"] == pytest.approx(shared + budget["seconds_classify"].sum())


def test_a_verdict_follows_the_table_of_contrasts(study):
    path = study.folder / "statistics" / "contrasts.csv"
    assert verdict.judge(study, "elpv").level == "undecided"
    changed = CONTRASTS.read(path)
    row = (changed["cohort"] == "elpv") & (changed["a"] == "vit_pure") & (changed["question"] == "baseline")
    changed.loc[row, ["ci_low", "p_holm", "verdict"]] = [0.001, 0.01, "a better"]
    CONTRASTS.write(changed, path)
    found = verdict.judge(Study(study.folder), "elpv")
    assert (found.level, found.headline) == ("better", "Use Pure ViT: it is better than Baseline CNN.")
    assert verdict.judge(Study(study.folder), "acdc_phantom") == verdict.judge(study, "acdc_phantom")


def test_a_verdict_in_portuguese(study):
    info = read_json(study.folder / "study.json")
    info["config"]["language"] = "pt-BR"
    write_json(study.folder / "study.json", info)
    spoken = Study(study.folder)
    with showing(spoken):
        found = verdict.judge(spoken, "elpv")
    assert found.headline == (
        "Não se demonstra que algum braço seja melhor que CNN de referência, o mais barato; ViT puro obteve o maior "
        "valor."
    )
    assert "intervalo de 95%" in found.sentences[0]
