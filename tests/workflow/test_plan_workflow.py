"""`sixgig plan` on a real study: everything, nothing, and what one changed option asks for."""

import json
import subprocess
import sys

import pytest
import yaml
from conftest import ENVIRONMENT, ROOT, RUN, snakemake

from sixgig.forecast.screen import LINES


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Variables of an environment in which this machine's rates are measured once."""
    return ENVIRONMENT | {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def sixgig(cache):
    def run(folder, *arguments, code=0):
        command = [sys.executable, "-m", "sixgig", *arguments]
        done = subprocess.run(command, cwd=folder, env=cache, capture_output=True, text=True, check=False)
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


def needed(shown):
    """The jobs that have to run, with the sentences why."""
    return {
        f"{job['rule']} {job['name']}".rstrip(): [reason["sentence"] for reason in job["reasons"]]
        for job in json.loads(shown)["jobs"]
        if job["needed"]
    }


def test_what_has_to_run_and_why(study, small_config, sixgig):
    folder = study(small_config)
    fresh = json.loads(sixgig(folder, "plan", "study.yaml", "--json", "--cores", "2"))
    assert fresh["total"]["jobs_needed"] == fresh["total"]["jobs"] == len(fresh["jobs"]) == 32
    assert fresh["reasons"] == [{"reason": "has never run", "jobs": 32, "rows": [
        "set-up", "cohorts", "weights", "Pure ViT", "Sparse ViT", "Random ViT", "classifiers", "SVM", "SRC",
        "statistics", "report",
    ]}]  # fmt: skip
    assert all(job["cost"]["seconds"] > 0 for job in fresh["jobs"])
    assert fresh["seconds"] > 0
    assert not (folder / "results").exists()
    assert "<TBD>" not in snakemake(folder, "-n", "--cores", "2").stdout

    snakemake(folder, *RUN)
    assert needed(sixgig(folder, "plan", "study.yaml", "--json")) == {}
    assert "nothing to do" in sixgig(folder, "run", "study.yaml", "-n")
    shown = snakemake(folder, "--cores", "2", "plan").stdout
    assert "nothing to do: every file of the study is there and up to date" in shown

    changed = {**small_config, "arms": {**small_config["arms"]}}
    changed["arms"]["vit_sparse"] = {**changed["arms"]["vit_sparse"], "atoms": 7}
    (folder / "study.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
    found = needed(sixgig(folder, "plan", "study.yaml", "--json"))
    assert found["code_features brats_phantom.vit_sparse"] == ["its options changed: atoms 6 -> 7"]
    assert found["classify_subjects brats_phantom.vit_sparse.svm"] == [
        "what it reads is made anew: code_features brats_phantom.vit_sparse"
    ]
    rules = {name.split()[0] for name in found}
    assert not rules & {"prepare_cohort", "build_weights", "encode_images"}
    assert "classify_subjects brats_phantom.vit_pure.svm" not in found
    lines = sixgig(folder, "run", "study.yaml", "-n").splitlines()
    assert len(lines) <= LINES + 1
    assert "why: its options changed: atoms 6 -> 7: 1 job (Sparse ViT)" in lines

    (folder / "results/tiny/report.html").unlink()
    study(small_config)
    found = needed(sixgig(folder, "plan", "study.yaml", "--json"))
    assert found["write_report"] == ["an output is missing: report.html"]


def test_a_card_is_planned_for_without_its_data(tmp_path, sixgig):
    shown = sixgig(
        ROOT, "plan", "config/laptop.yaml", "--device", "RTX 3050 6GB Laptop", "-d", str(tmp_path),
        "--html", str(tmp_path / "plan.html"), "--json", code=None,
    )  # fmt: skip
    found = json.loads(shown)
    assert {line["name"]: (line["low"], line["high"]) for line in found["expected"]} == {
        "baseline_cnn": (2, 4), "vit_pure": (3, 6), "vit_contrastive": (4, 8), "vit_mim": (8, 16), "vit_sparse": (1, 2),
        "classify": (1, 3), "statistics": (1 / 6, 0.5), "total": (20, 40),
    }  # fmt: skip
    assert any("brats2020, acdc, which are not there" in note for note in found["notes"])
    assert found["total"]["jobs"] == found["total"]["jobs_needed"] == 82
    assert found["seconds"] < 2 * 3600
    assert (tmp_path / "plan.html").exists()
    assert not (tmp_path / "results").exists()
