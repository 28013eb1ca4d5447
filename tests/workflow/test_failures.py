"""A study in which a cohort and an arm fail, and a job is killed: what is said, computed, and tried again."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ENVIRONMENT, ROOT, RUN, snakemake

from sixgig.phantoms.writing import write_phantom
from sixgig.runtime.atomic import read_json
from sixgig.tables.pairs import PAIRWISE
from sixgig.tables.scores import METRICS, SUMMARY

HOOK = Path(__file__).parent / "kill_hook"
GOOD, BAD = "brats_phantom", "acdc_phantom"
COHORT_REASON = (
    f"results/tiny/logs/prepare_cohort/{BAD}.quarantine.csv: 2 of 25 subjects of cohort {BAD} cannot be used"
)
COHORT_SAID = f"cohort {BAD}: {COHORT_REASON}"
ARM_SAID = f"arm vit_sparse on {GOOD}: arms.vit_sparse.atoms: 500 atoms cannot be learned"


@pytest.fixture(scope="module")
def config(small_config, tiny_config, tmp_path_factory):
    broken = tmp_path_factory.mktemp("broken") / "acdc"
    write_phantom("acdc", broken, subjects=25, shape=(40, 40, 10), spacing=4.0, seed=4, frames=6)
    for image in broken.rglob("*frame*.nii.gz"):
        image.write_bytes(image.read_bytes()[:400])  # headers are whole, so that planning sees nothing
    arms = {
        "vit_pure": small_config["arms"]["vit_pure"],
        "vit_sparse": small_config["arms"]["vit_sparse"] | {"atoms": 500},
    }
    cohorts = {GOOD: tiny_config["cohorts"][GOOD], BAD: tiny_config["cohorts"][BAD] | {"source": {"path": str(broken)}}}
    classifiers = {"svm": tiny_config["classifiers"]["svm"]}
    return small_config | {
        "arms": arms, "cohorts": cohorts, "classifiers": classifiers, "controls": {"random_vit": False},
    }  # fmt: skip


@pytest.fixture(scope="module")
def failed(config, tmp_path_factory):
    """The study after its first run, and what Snakemake said."""
    folder = tmp_path_factory.mktemp("failed")
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    variables = ENVIRONMENT | {"PYTHONPATH": str(HOOK), "KILL_ONCE": f"encode_images:{folder / 'killed'}"}
    return folder, snakemake(folder, *RUN, check=False, variables=variables)


def command(folder, *options):
    """Run the command of sixgig; return its exit code and all that it says."""
    words = [sys.executable, "-m", "sixgig", "run", str(folder / "study.yaml"), "-d", str(folder), *options]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_killed_job_is_tried_again_by_itself(failed):
    folder, _ = failed
    assert (folder / "killed").exists()
    assert read_json(folder / f"results/tiny/features/{GOOD}/vit_pure.json")["status"] == "ok"
    assert not list((folder / "results/tiny").glob(".attempts/*"))


def test_what_failed_is_named_on_the_terminal_and_in_the_exit_code(failed):
    _, run = failed
    assert run.returncode == 3
    assert f"[prepare_cohort {BAD}] FAILED: {COHORT_REASON}" in run.stderr
    assert re.search(rf"\[code_features {GOOD}.vit_sparse\] FAILED: arms.vit_sparse.atoms: 500 atoms", run.stderr)
    assert f"[classify_subjects {GOOD}.vit_sparse.svm] left out: " in run.stderr
    end = run.stderr[run.stderr.index("[sixgig] finished, and this went wrong:") :]
    assert f"[sixgig] FAILED {COHORT_SAID}" in end
    assert f"[sixgig] FAILED {ARM_SAID}" in end
    assert "Traceback" not in run.stderr


def test_the_others_go_on_and_the_report_shows_the_failure(failed):
    root = failed[0] / "results/tiny"
    summary = SUMMARY.read(root / "summary.csv")
    assert summary[summary["cohort"] == BAD]["estimate"].isna().all()
    assert summary[summary["cohort"] == BAD]["status"].str.startswith(f"failed: {COHORT_SAID}").all()
    for table, path in ((METRICS, "metrics.csv"), (PAIRWISE, "statistics/pairwise.csv")):
        assert set(table.read(root / path)["cohort"]) == {GOOD}
    page = (root / "report.html").read_text()
    assert "This cohort failed, and nothing was computed on it: " in page
    assert "500 atoms cannot be learned" in page


def test_the_next_run_has_nothing_to_do_and_still_names_it(failed):
    folder, _ = failed
    shown = snakemake(folder, "--cores", "1", "-n")
    assert "Nothing to be done" in shown.stdout
    for said, again in ((COHORT_SAID, f"cohorts/{BAD}/manifest.csv"), (ARM_SAID, f"features/{GOOD}/vit_sparse.npz")):
        what, _, reason = said.partition(": ")
        assert f"[sixgig] {what} failed: {reason}" in shown.stderr
        assert f"to try again: --forcerun results/tiny/{again}" in shown.stderr
    code, text = command(folder, "--cores", "1")
    assert code == 3
    assert "[sixgig] report: " in text


def test_one_option_tries_again_what_failed_with_all_that_depends_on_it(failed):
    code, text = command(failed[0], "--cores", "1", "-n", "-p", "--retry-failed")
    planned = set(re.findall(r"^(?:local)?rule (\w+):", text, re.MULTILINE))
    assert code == 0
    assert {"prepare_cohort", "check_leakage", "code_features", "classify_subjects", "score_predictions"} <= planned
    assert "write_report" in planned
    assert not {"build_weights", "obtain_cohort"} & planned


def test_what_is_mended_is_computed_and_its_failure_forgotten(failed, config):
    folder, _ = failed
    mended = config | {"arms": config["arms"] | {"vit_sparse": config["arms"]["vit_sparse"] | {"atoms": 6}}}
    mended["cohorts"] = {GOOD: config["cohorts"][GOOD]}
    (folder / "study.yaml").write_text(yaml.safe_dump(mended, sort_keys=False))
    snakemake(folder, *RUN)
    summary = SUMMARY.read(folder / "results/tiny/summary.csv")
    assert set(summary["status"]) == {"ok"}
    assert os.listdir(folder / "results/tiny/features") == [GOOD] or BAD not in set(summary["cohort"])
