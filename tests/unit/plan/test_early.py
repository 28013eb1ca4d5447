"""Mistakes that are found before a job runs: each message has file, line, reason and next step."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sixgig.errors import SixgigError
from sixgig.plan import early
from sixgig.plan.opening import open_plan

STUDY = """\
study: x
cohorts:
  pics:
    adapter: image_folder
    source: {path: pics}
    positive: HGG
  tab:
    adapter: table
    source: {path: tab/list.csv}
    columns: {path: file, subject: id, label: grade}
    positive: 1
weights:
  w: {source: {hub: {}}, converter: timm, model: resnet50.a1_in1k}
arms:
  baseline_cnn: {weights: w}
controls: {random_vit: false}
evaluation: {folds: 3}
"""
SHA256 = "a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3"  # of b"123"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    picture = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    for label, number in (("HGG", 12), ("LGG", 9)):
        (folder / "pics" / label).mkdir(parents=True)
        for index in range(number):
            picture.save(folder / "pics" / label / f"{index}.png")
    (folder / "tab").mkdir()
    rows = ["id,file,grade"]
    for index in range(20):
        picture.save(folder / f"tab/{index:03d}.png")
        rows.append(f"{index:03d},{index:03d}.png,{index % 2}")
    (folder / "tab/list.csv").write_text("\n".join(rows) + "\n")
    (folder / "w.pth").write_bytes(b"123")
    return folder


@pytest.fixture
def plan_of(data, monkeypatch):
    monkeypatch.chdir(data)
    monkeypatch.setenv("XDG_CACHE_HOME", str(data / "cache"))

    def plan(text, *entries, **settings):
        (data / "study.yaml").write_text(text)
        return open_plan([data / "study.yaml"], entries, **settings)

    return plan


def changed(*changes):
    text = STUDY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_right_study_is_planned(plan_of):
    plan = plan_of(STUDY, "evaluation={folds: 4, repeats: 2}")
    assert plan.positives == {"pics": "HGG", "tab": "1"}
    assert plan.config["evaluation"]["folds"] == 4


def test_bfloat16_without_units_is_refused_while_planning(plan_of, monkeypatch):
    monkeypatch.setattr("sixgig.gpu.card.first_card", lambda: None)
    monkeypatch.setattr("sixgig.gpu.processor.bfloat16_units", lambda: None)
    study = changed(("{weights: w}", "{weights: w, precision: bfloat16}"))
    said = r"study.yaml:15: config key arms.baseline_cnn.precision: is bfloat16, .* no units .*\n.*precision: auto"
    with pytest.raises(SixgigError, match=said):
        plan_of(study)
    monkeypatch.setattr("sixgig.gpu.processor.bfloat16_units", lambda: "avx512_bf16")
    assert plan_of(study).config["arms"]["baseline_cnn"]["precision"] == "bfloat16"


def test_attention_over_single_images_is_refused_while_planning(plan_of):
    study = changed(("controls:", "classifiers: {svm: {}, mil: {}}\ncontrols:"))
    said = r"study.yaml:16: .*classifiers.mil: on pics every subject has one image .*\n.*use svm, which sees the same"
    with pytest.raises(SixgigError, match=said):
        plan_of(study)


def test_more_shards_than_subjects_are_refused_while_planning(plan_of):
    said = r"config key cohorts.pics.shards: is 1000, and the cohort has 21 subjects\n.*write 21 at most"
    with pytest.raises(SixgigError, match=said):
        plan_of(STUDY, "cohorts={pics: {shards: 1000}}")
    assert plan_of(STUDY, "cohorts={pics: {shards: 2}}").shards("pics") == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "label: grade",
            "label: Grade",
            r"study.yaml:10: config key cohorts.tab.columns.label: tab/list.csv lacks the column "
            r"Grade; it has id, file, grade\n  Next step: did you mean 'grade'\? If not, name its columns",
        ),
        (
            ", label: grade",
            "",
            r"study.yaml:7: config key cohorts.tab: tab/list.csv lacks the column label; .*\n.*name its columns",
        ),
        (
            "label: grade",
            "lable: grade",
            r"study.yaml:10: .*columns.lable: is not known\n  Next step: did you mean `label`",
        ),
        (
            "positive: HGG",
            "positive: hgg",
            r"study.yaml:6: .*pics.positive: there is no class 'hgg'\n.*did you mean 'HGG'",
        ),
        ("positive: 1", "positive: 2", r"study.yaml:11: .*tab.positive: there is no class '2'\n.*the classes are 0, 1"),
        (
            "positive: 1",
            "classes: {yes: [1], no: [O]}",
            r"study.yaml:11: .*classes.no: there is no class 'O'\n.*classes are 0, 1",
        ),
        (
            "positive: 1",
            "positive: 1\n    classes: {yes: [1], no: [0]}",
            r"study.yaml:11: .*there is no class '1'\n.*no, yes",
        ),
        (
            "folds: 3",
            "folds: 10",
            r"study.yaml:17: config key evaluation.folds: is 10, and in cohort pics class 'LGG' has 9 "
            r"evaluation subjects \(and 0 for pretraining\); 10 folds need 10\n.*set evaluation.folds to at most 9, ",
        ),
        (
            "positive: HGG",
            "limit: 5",
            r"evaluation.folds: is 3, and in cohort pics class 'LGG' has 2 .*\n.*cohort's limit",
        ),
        (
            "positive: HGG",
            "official_splits: true",
            r"study.yaml:6: .*pics.official_splits: the cohort has no labelled .*\n.*remove",
        ),
        (
            "positive: HGG",
            "subject_pattern: '([0-9]+)$'",
            r"study.yaml:5: .*pics.source: 21 of 21 subjects of cohort pics cannot be"
            r" used; .*finds no subject.*\n  Next step: correct these files, or the keys",
        ),
        (
            "path: file",
            "path: id",
            r"study.yaml:9: .*tab.source: 20 of 20 subjects .*none of .png.*\n.*correct these files",
        ),
        (
            "path: pics",
            "path: Pics",
            r"study.yaml:5: .*source.path: Pics does not exist in .*relative paths start.*\n.*write pics",
        ),
        (
            "path: pics",
            "path: pics/HGG",
            r"study.yaml:5: .*holds no two folders.*\n.*has to be a folder with one folder of",
        ),
        (
            "resnet50.a1_in1k",
            "resnet5O",
            r"study.yaml:13: .*weights.w.model: timm does not know .*resnet5O\n.*example resnet50",
        ),
        (
            "resnet50.a1_in1k",
            "resnet50.a1",
            r"study.yaml:13: .*timm has no weights 'a1' of resnet50\n.*resnet50.a1_in1k",
        ),
        (
            "{hub: {}}",
            "{file: {path: w.pth, sha256: " + "0" * 64 + "}}",
            rf"study.yaml:13: .*source.file.sha256: w.pth has sha256 "
            rf"{SHA256}, but the study file pins 0+\n.*get the right file",
        ),
        (
            "{hub: {}}",
            "{file: {path: W.pth, sha256: " + SHA256 + "}}",
            r"study.yaml:13: .*file.path: W.pth does not .*\n.*write w.pth",
        ),
    ],
)
def test_mistakes_are_found_before_a_job_runs(plan_of, old, new, message):
    with pytest.raises(SixgigError, match=message):
        plan_of(changed((old, new)))


def test_paths_in_a_table_start_in_its_folder(plan_of, data):
    rows = (data / "tab/list.csv").read_text().replace(".png", ".PNG").splitlines()
    (data / "elsewhere.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(
        SixgigError, match=r"study.yaml:9: .*000.PNG does not exist.*\n.*in a table start in the folder of"
    ):
        plan_of(changed(("tab/list.csv", "elsewhere.csv")))


def test_groups_of_a_table_are_looked_at_while_planning(plan_of, data):
    (data / "sexes.csv").write_text(
        "".join(f"{line}\n" for line in ["id,sex", *(f"{n:03d},{'FM'[n % 2]}" for n in range(20))])
    )
    groups = "    positive: 1\n    groups: {table: sexes.csv, id: id, columns: [COLUMN]}"
    plan_of(changed(("    positive: 1", groups.replace("COLUMN", "sex"))))
    with pytest.raises(SixgigError, match=r"sexes.csv: lacks the column sexx; it has id, sex\n.*did you mean 'sex'"):
        plan_of(changed(("    positive: 1", groups.replace("COLUMN", "sexx"))))


def test_subjects_that_arms_learn_from_are_not_tested(plan_of):
    text = changed(
        ("baseline_cnn: {weights: w}", "vit_pure: {weights: w, token: mean}\n  vit_sparse: {}"),
        ("folds: 3", "folds: 8"),
    )
    reason = r"is 8, and in cohort pics class 'LGG' has 7 evaluation subjects \(and 2 for pretraining\); 8 folds need 8"
    with pytest.raises(SixgigError, match=reason):
        plan_of(text)
    plan_of(text, "evaluation={pretraining_fraction: 0.1}")


def test_a_pinned_file_is_found_to_be_right(plan_of):
    plan_of(changed(("{hub: {}}", "{file: {path: w.pth, sha256: " + SHA256 + "}}")))


def test_spellings_of_classes(plan_of):
    plan = plan_of(changed(("positive: 1", "positive: yes\n    classes: {yes: [1], no: [0]}")))
    assert plan.cohort_options("tab")["classes"] == {"yes": ["1"], "no": ["0"]}
    assert plan.positives["tab"] == "yes"


def test_jobs_do_not_look_again(plan_of, monkeypatch):
    monkeypatch.setattr(early, "_discover", None)
    assert plan_of(changed(("positive: HGG", "positive: hgg")), look=False).positives["pics"] == "hgg"


def test_a_splits_file_that_does_not_fit(plan_of, data):
    rows = [(f"HGG__{index}.png", "HGG", "evaluation", 0, index % 2) for index in range(12)]
    rows += [(f"LGG__{index}.png", "LGG", "evaluation", 0, index % 2) for index in range(9)]
    splits = pd.DataFrame(rows, columns=["subject_id", "label", "role", "repeat", "fold"])
    text = changed(("positive: HGG", "splits_file: own.csv"), ("folds: 3", "folds: 2, repeats: 1"))
    splits.to_csv(data / "own.csv", index=False)
    assert plan_of(text).splits_file("pics") == ["own.csv"]
    with pytest.raises(SixgigError, match=r"yaml:6: .*splits_file: own.csv: has 2 folds, and .* is 3\n.*to 2"):
        plan_of(text.replace("folds: 2", "folds: 3"))
    splits[1:].to_csv(data / "own.csv", index=False)
    with pytest.raises(SixgigError, match=r"yaml:6: .*splits_file: own.csv: subjects of .* have no row: HGG__0.png"):
        plan_of(text)


@pytest.fixture
def no_card(monkeypatch):
    monkeypatch.setattr("sixgig.gpu.card.first_card", lambda: None)
    monkeypatch.setattr("sixgig.gpu.card.has_driver", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_torch_is_not_asked_where_there_is_no_driver(no_card, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would fail
    with pytest.raises(SixgigError, match="config key device: is cuda, and this machine has no usable GPU"):
        early.check_card()
    monkeypatch.setattr("sixgig.gpu.card.has_driver", lambda: True)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False)))
    with pytest.raises(SixgigError, match="config key device: is cuda, and torch sees no usable GPU"):
        early.check_card()


def test_cuda_without_a_card(plan_of, no_card, monkeypatch):
    text = changed(("study: x", "study: x\ndevice: cuda"))
    with pytest.raises(SixgigError, match=r"study.yaml:2: .*device: is cuda, and this machine has no .*\n.*nvidia-smi"):
        plan_of(text)
    plan_of(text, jobs_here=False)  # jobs go to machines with other cards
    plan_of(text, "device=auto")
    monkeypatch.setattr("sixgig.gpu.card.first_card", lambda: "a card")
    plan_of(text)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(SixgigError, match="is cuda, and CUDA_VISIBLE_DEVICES hides every card"):
        plan_of(text)


def test_what_this_environment_lacks_is_left_to_the_jobs(plan_of, monkeypatch):
    """With conda, Snakemake's own environment need not have torch and timm."""
    monkeypatch.setattr("sixgig.gpu.card.first_card", lambda: None)
    monkeypatch.setattr("sixgig.gpu.card.has_driver", lambda: True)
    for module in ("torch", "timm"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("sixgig.weights.model_names.is_surely_known", lambda model: False)
    monkeypatch.setattr("sixgig.plan.asking._in_a_process", lambda asked: [{"missing": "timm"} for _ in asked])
    plan = plan_of(changed(("study: x", "study: x\ndevice: cuda")))
    assert plan.config["device"] == "cuda"
    with pytest.raises(SixgigError, match="there is no class 'hgg'"):
        plan_of(changed(("positive: HGG", "positive: hgg")))


def test_a_folder_with_many_files_is_not_opened_for_planning(plan_of, monkeypatch):
    from sixgig.cohorts.adapters.image_folder import ADAPTER

    wrong = changed(("positive: HGG", "positive: hgg"))
    monkeypatch.setattr(ADAPTER, "opens_files", True)
    monkeypatch.setattr(early, "MOST_OPENED", 20)
    assert plan_of(wrong).positives["pics"] == "hgg"  # preparation will say it
    monkeypatch.setattr(early, "MOST_OPENED", 21)
    with pytest.raises(SixgigError, match="there is no class 'hgg'"):
        plan_of(wrong)


def test_what_was_fetched_for_another_source_is_not_looked_at(plan_of, data):
    """Else nobody could correct a cohort that is too small."""
    from sixgig.runtime.atomic import write_json
    from sixgig.sources.obtain import is_obtained

    source = {"wheel": {"package": "p", "version": "1", "sha256": "0" * 64}}
    recorded = {"kind": "wheel", "root": str(data / "pics"), **source["wheel"]}
    assert is_obtained(source, recorded)
    text = changed(("source: {path: pics}", f"source: {source}"), ("positive: HGG", "positive: hgg"))
    assert plan_of(text).positives["pics"] == "hgg"  # not fetched yet
    folder = data / "results/x/cohorts/pics"
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "source.json", recorded)
    with pytest.raises(SixgigError, match="there is no class 'hgg'"):
        plan_of(text)
    write_json(folder / "source.json", recorded | {"version": "2"})
    assert plan_of(text).positives["pics"] == "hgg"
