"""What failed is found in what jobs left, named with its reason, and has a file to try it again by."""

import pytest

from sixgig.errors import SKIPPED
from sixgig.plan import early
from sixgig.plan.failures import exit_code, failures, fallbacks, files_again, sentences, summary
from sixgig.plan.plan import Plan
from sixgig.plan.study_file import Study
from sixgig.runtime.atomic import write_json

WEIGHTS = {"source": {"hub": {}}, "converter": "timm", "model": "vit_small_patch16_224.augreg_in21k_ft_in1k"}
STUDY = {
    "study": "x",
    "cohorts": {
        name: {"adapter": "acdc", "source": {"phantom": {"kind": "acdc", "subjects": 20}}} for name in ("a", "b")
    },
    "weights": {"w": WEIGHTS},
    "arms": {"vit_pure": {"weights": "w"}, "vit_contrastive": {"weights": "w", "backend": "torch"}},
    "controls": {"random_vit": False},
}
ROOT = "results/x"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Plan(STUDY)


def leave(path, **facts):
    write_json(f"{ROOT}/{path}.json", facts)


def test_nothing_has_failed(plan):
    assert (failures(plan), fallbacks(plan), list(summary(plan)), exit_code(plan)) == ([], [], [], 0)
    leave("features/a/vit_pure", status="ok")
    leave("cohorts/a/leakage", passed=True)
    assert (failures(plan), list(sentences(plan)), exit_code(plan)) == ([], [], 0)


def test_an_arm_that_failed_while_encoding(plan):
    leave("features/a/vit_pure", status="failed: x: no rows")
    (found,) = failures(plan)
    assert (found.what, found.reason) == ("arm vit_pure on a", "x: no rows")
    assert files_again([found]) == [f"{ROOT}/features/a/vit_pure.npz"]
    assert list(sentences(plan)) == [
        f"arm vit_pure on a failed: x: no rows; to try again: --forcerun {ROOT}/features/a/vit_pure.npz"
    ]
    assert exit_code(plan) == 3


def test_an_arm_that_failed_in_training_is_trained_again(plan):
    leave("features/b/vit_contrastive", status="failed: training: the loss is nan")
    leave("pretraining/b/vit_contrastive", pretraining={"status": "failed: the loss is nan"})
    assert files_again(failures(plan)) == [f"{ROOT}/pretraining/b/vit_contrastive.safetensors"]
    leave("pretraining/b/vit_contrastive", pretraining={"status": "ok"})
    assert files_again(failures(plan)) == [f"{ROOT}/features/b/vit_contrastive.npz"]


@pytest.mark.parametrize(
    ("failed", "again"),
    [
        (("cohort", "splits", "leakage"), "manifest.csv"),
        (("splits", "leakage"), "splits.csv"),
        (("leakage",), "leakage.json"),
    ],
)
def test_a_cohort_that_failed_is_named_once_and_begins_where_it_failed(plan, failed, again):
    for name in failed:
        leave(f"cohorts/a/{name}", status="failed: c: too few")
    for arm in plan.arms:
        leave(f"features/a/{arm}", status="failed: cohort a: c: too few")
    (found,) = failures(plan)
    assert (found.what, found.reason, found.again) == ("cohort a", "c: too few", f"{ROOT}/cohorts/a/{again}")


def test_a_classifier_that_failed(plan):
    leave("predictions/a/vit_pure.svm", cost={}, status="failed: svm, repeat 0, fold 1: cannot be fitted")
    (found,) = failures(plan)
    assert found.what == "classifier svm of arm vit_pure on a"
    assert found.again == f"{ROOT}/predictions/a/vit_pure.svm.csv"


def test_a_cohort_that_failed_does_not_stop_the_planning_of_the_others(plan, monkeypatch):
    looked_at = []
    monkeypatch.setattr(early, "check_cohort", lambda plan, study, name: looked_at.append(name))
    leave("cohorts/a/leakage", status="failed: c: too few")
    early.check_early(plan, Study(), jobs_here=True)
    assert looked_at == ["b"]


def test_the_last_words_of_a_run(plan):
    leave("features/a/vit_pure", status="failed: x: no rows")
    leave("features/b/vit_pure", status="fallback: batch size 4")
    assert list(summary(plan)) == [
        "FAILED arm vit_pure on a: x: no rows",
        "fallback arm vit_pure on b: batch size 4",
        "to try again what failed: sixgig run STUDY.yaml --retry-failed, or make RETRY=yes, or",
        f"  snakemake --cores all --forcerun {ROOT}/features/a/vit_pure.npz",
    ]


def test_what_the_study_file_leaves_out_is_named_and_counts_as_no_failure(plan):
    leave("features/a/vit_contrastive", status=f"failed: no TensorFlow ({SKIPPED})")
    assert list(sentences(plan)) == [f"arm vit_contrastive on a failed: no TensorFlow ({SKIPPED})"]
    assert (files_again(failures(plan)), exit_code(plan)) == ([], 0)
    assert list(summary(plan)) == [f"FAILED arm vit_contrastive on a: no TensorFlow ({SKIPPED})"]


def test_what_is_no_longer_in_the_study_is_not_named(plan):
    leave("features/a/vit_sparse", status="failed: x: no rows")
    leave("features/gone/vit_pure", status="failed: x: no rows")
    assert failures(plan) == []
