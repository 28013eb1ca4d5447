"""Two studies on the same folds: the tests are those between two methods of one study."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pandas as pd
import pytest

from sixgig.command.main import main
from sixgig.comparison.same_data import common_cohorts
from sixgig.comparison.settings import Difference, differing_settings, differing_versions
from sixgig.comparison.showing import as_html, as_json, as_text, compare_studies
from sixgig.errors import SixgigError
from sixgig.reporting.verdict import judge
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json, write_json
from sixgig.statistics.pairwise import compare_pairs, weigh_pairs
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.contrasts import CONTRASTS
from sixgig.tables.predictions import PREDICTIONS
from sixgig.words.showing import showing
from tests.unit.reporting.fake_study import write_fake_study

COHORTS = ("elpv", "brats_phantom")


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_study(tmp_path_factory.mktemp("compared") / "a", cohorts=COHORTS)


@pytest.fixture
def a(once: Path, tmp_path: Path) -> Path:
    return Path(copytree(once, tmp_path / "a"))


@pytest.fixture
def b(once: Path, tmp_path: Path) -> Path:
    """A copy in which ``vit_pure`` with the SVM found what ``baseline_cnn`` with the SVM found."""
    folder = Path(copytree(once, tmp_path / "b"))
    for cohort in COHORTS:
        own = folder / "predictions" / cohort
        (own / "vit_pure.svm.csv").write_bytes((own / "baseline_cnn.svm.csv").read_bytes())
    for name in ("metrics.csv", "summary.csv"):
        table = pd.read_csv(folder / name, dtype=str, keep_default_na=False)
        keep = table[(table["arm"] != "vit_pure") | (table["classifier"] != "svm")]
        other = table[(table["arm"] == "baseline_cnn") & (table["classifier"] == "svm")].assign(arm="vit_pure")
        pd.concat([keep, other]).to_csv(folder / name, index=False)
    return folder


def edit_config(folder: Path, **changes: object) -> None:
    info = read_json(folder / "study.json")
    write_json(folder / "study.json", info | {"config": info["config"] | changes})


def only(found, cohort: str):  # type: ignore[no-untyped-def]
    (own,) = [own for own in found.cohorts if own.cohort == cohort]
    return own


@pytest.mark.parametrize("cohort", COHORTS)
def test_every_number_is_that_of_the_tests_between_two_methods_of_one_study(a: Path, b: Path, cohort: str) -> None:
    (found,) = only(compare_studies(Study(a), Study(b)), cohort).methods
    study = Study(a)
    rows = study.metrics[
        study.metrics["arm"].isin(["vit_pure", "baseline_cnn"])
        & (study.metrics["classifier"] == "svm") & (study.metrics["cohort"] == cohort)
    ].sort_values("arm", ascending=False, kind="stable")  # fmt: skip
    (tested,) = compare_pairs(rows, study.metric, 1 / 4).to_dict("records")
    (weighed,) = weigh_pairs(rows, study.metric, 1 / 4, 0.01).to_dict("records")
    for name in ("difference", "ci_low", "ci_high", "p_value", "p_holm"):
        assert getattr(found, name) == pytest.approx(tested[name], rel=1e-9)
    for name in ("p_a_better", "p_equivalent", "p_b_better"):
        assert getattr(found, name) == pytest.approx(weighed[name], rel=1e-9)
    assert found.verdict == tested["verdict"]
    mcnemar = study.mcnemar.query(
        f"cohort == '{cohort}' and arm_a == 'baseline_cnn' and arm_b == 'vit_pure'"
        " and classifier_a == 'svm' and classifier_b == 'svm'"
    ).iloc[0]
    assert (found.only_a_right, found.only_b_right) == (mcnemar["only_b_right"], mcnemar["only_a_right"])
    assert found.p_mcnemar == pytest.approx(mcnemar["p_value"])
    delong = study.delong.query(
        f"cohort == '{cohort}' and arm_a == 'baseline_cnn' and arm_b == 'vit_pure'"
        " and classifier_a == 'svm' and classifier_b == 'svm'"
    ).iloc[0]
    assert found.auc_difference == pytest.approx(-delong["difference"])
    assert found.p_delong == pytest.approx(delong["p_value"])


def test_methods_that_predict_the_same_are_named_and_weigh_nothing_in_the_correction(a: Path, b: Path) -> None:
    own = only(compare_studies(Study(a), Study(b)), "elpv")
    assert [(paired.arm, paired.classifier) for paired in own.methods] == [("vit_pure", "svm")]
    assert own.methods[0].p_holm == own.methods[0].p_value
    assert "vit_pure src" in own.identical
    assert (own.n_subjects, own.n_folds, own.n_repeats) == (90, 5, 3)


def test_a_method_or_a_cohort_of_one_study_alone_is_listed_and_a_failed_one_with_its_reason(a: Path, b: Path) -> None:
    for name in ("metrics.csv", "summary.csv"):
        table = pd.read_csv(b / name, dtype=str, keep_default_na=False)
        keep = (table["cohort"] == "brats_phantom") & (table["arm"] != "control_random_vit")
        table[keep].to_csv(b / name, index=False)
    found = compare_studies(Study(a), Study(b))
    assert found.left_out == {"elpv": f"only in {a}"}
    left_out = only(found, "brats_phantom").left_out
    assert left_out["control_random_vit svm"] == f"only in {a}"
    assert left_out["vit_sparse src"].startswith("failed: the dictionary has 128 atoms")


def test_what_differs_in_the_study_files_is_listed_by_key(a: Path, b: Path) -> None:
    config = read_json(b / "study.json")["config"]
    arms = {**config["arms"], "vit_pure": {**config["arms"]["vit_pure"], "token": "mean"}, "new": {"batch_size": 4}}
    edit_config(b, study="other", title="Other", arms=arms, scope="transductive")
    keys = {difference.key: difference for difference in differing_settings(Study(a), Study(b))}
    assert keys["scope"] == Difference("scope", "inductive", "transductive")
    assert keys["arms.new"] == Difference("arms.new", "-", "{batch_size: 4}")
    assert keys["arms.vit_pure.token"].b == "mean"
    assert set(keys) == {"scope", "arms.new", "arms.vit_pure.token"}
    assert differing_settings(Study(a), Study(a)) == []
    info = read_json(b / "study.json")
    write_json(b / "study.json", info | {"versions": info["versions"] | {"torch": "2.11.0"}})
    assert differing_versions(Study(a), Study(b)) == [Difference("versions.torch", "2.10.0", "2.11.0")]


def test_other_folds_are_refused_with_their_number(a: Path, b: Path) -> None:
    path = b / "cohorts" / "elpv" / "splits.csv"
    splits = SPLITS.read(path)
    first, second = splits.index[0], splits.index[(splits["repeat"] == 0) & (splits["fold"] != splits["fold"][0])][0]
    splits.loc[[first, second], "fold"] = splits.loc[[second, first], "fold"].to_numpy()
    SPLITS.write(splits, path)
    with pytest.raises(SixgigError, match=r"splits.csv: 2 subjects have another role or fold: elpv-001, elpv-"):
        common_cohorts(Study(a), Study(b))


def test_other_images_and_other_classes_are_refused(a: Path, b: Path) -> None:
    path = b / "cohorts" / "elpv" / "manifest.csv"
    manifest = MANIFEST.read(path)
    MANIFEST.write(manifest.iloc[1:], path)
    with pytest.raises(SixgigError, match=r"0 images are not in .*, and 1 of its images are not here"):
        common_cohorts(Study(a), Study(b))
    MANIFEST.write(manifest.assign(label=manifest["label"].mask(manifest.index == 3, "functional")), path)
    with pytest.raises(SixgigError, match="1 images have another subject or class than in .*: elpv-004-0"):
        common_cohorts(Study(a), Study(b))


def test_studies_without_a_common_cohort_are_refused(a: Path, tmp_path: Path) -> None:
    other = write_fake_study(tmp_path / "c", cohorts=("acdc_phantom",))
    with pytest.raises(SixgigError, match="has elpv, brats_phantom: none is in both"):
        compare_studies(Study(a), Study(other))


def test_predictions_of_other_subjects_are_refused(a: Path, b: Path) -> None:
    path = b / "predictions" / "elpv" / "vit_pure.svm.csv"
    frame = PREDICTIONS.read(path)
    PREDICTIONS.write(frame.assign(subject_id=frame["subject_id"].replace("elpv-001", "x")), path)
    with pytest.raises(SixgigError, match="its subjects or their classes are not those of the other study"):
        compare_studies(Study(a), Study(b))


def test_verdicts_stand_side_by_side_and_cohorts_have_titles(a: Path, b: Path) -> None:
    both = compare_studies(Study(a), Study(a))
    (line,) = [line for line in as_text(both).splitlines() if "verdict" in line and "of both" in line][:1]
    with showing(Study(a)):
        assert line == f"  verdict of both: {judge(Study(a), 'elpv').headline}"
    path = b / "statistics" / "contrasts.csv"
    table = CONTRASTS.read(path)
    better = table["question"].isin(["baseline", "start", "control"])
    CONTRASTS.write(table.assign(verdict=table["verdict"].mask(better, "a better")), path)
    found = compare_studies(Study(a), Study(b))
    said, text = as_json(found)["cohorts"][0]["verdicts"], as_text(found)
    assert said["differ"]
    assert said["a"]["headline"] != said["b"]["headline"]
    assert (said["a"]["level"], said["b"]["level"]) == (judge(Study(a), "elpv").level, judge(Study(b), "elpv").level)
    for line in (f"verdict of A: {said['a']['headline']}", f"verdict of B: {said['b']['headline']}"):
        assert line in text
        assert line in as_html(found)
    assert "the verdicts differ" in text
    assert "ELPV solar cells: balanced accuracy, 90 subjects" in text
    assert "Pure ViT + SVM" in text
    assert "vit_pure" not in text
    assert "elpv" not in text.replace(str(a.parent), "")


def test_text_json_and_page_say_the_same(a: Path, b: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit_config(b, title="<b>Other</b>")
    found = compare_studies(Study(a), Study(b))
    text, said, page = as_text(found), as_json(found), as_html(found)
    difference = said["cohorts"][0]["methods"][0]["difference"]
    assert f"{difference:+.3f}" in text
    assert f"{difference:+.3f}" in page
    assert "<b>Other" not in page
    assert "The study files do not differ." in text
    assert main(["compare", str(a), str(b), "--json", "--html", str(tmp_path / "page.html")]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(said))
    assert (tmp_path / "page.html").read_text() == page
    assert main(["compare", str(a), str(tmp_path / "nowhere")]) == 2
    assert "there is no such study" in capsys.readouterr().err
