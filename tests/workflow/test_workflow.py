"""The real DAG on a tiny study."""

import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import audit
import nibabel
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ENVIRONMENT, ROOT, RUN, snakemake

from sixgig.figures.catalogue import KINDS, kinds_of
from sixgig.tables.budget import BUDGET
from sixgig.tables.cohorts import MANIFEST, QUARANTINE, SPLITS
from sixgig.tables.costs import COSTS
from sixgig.tables.over_cohorts import FACTORS, OMNIBUS, RANKS
from sixgig.tables.pairs import BAYESIAN, DELONG, MCNEMAR, PAIRWISE
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import METRICS, SUMMARY

COHORTS = ("brats_phantom", "acdc_phantom")
RANDOM = ("control_random_efficientnet", "control_random_vit")


#: Scripts that the tiny study does not need; test_together_workflow.py audits them.
ELSEWHERE = {
    "prepare_shard", "encode_shard", "compute_features", "classify_bags", "classify_fractions",
    "classify_bag_fractions", "score_fractions",
    "check_external", "encode_external", "code_external", "classify_external", "group_subjects", "compare_groups",
}  # fmt: skip


def test_scripts_open_what_their_rules_declare_and_nothing_else(finished):
    jobs = audit.read_jobs(finished / "audit", finished / "results/tiny")
    assert {job.rule for job in jobs} == {path.stem for path in (ROOT / "scripts").glob("*.py")} - ELSEWHERE
    assert all(job.opened & job.declared for job in jobs)
    assert {job.rule: audit.undeclared(job) for job in jobs if audit.undeclared(job)} == {}


@pytest.mark.parametrize(
    ("opened", "listed", "found"),
    [
        ({"summary.csv", "figures/c/roc.svg", "logs/draw/c.log"}, {"figures/c"}, []),
        ({".checkpoints/draw/state.npz", "mlflow.db-journal"}, {".checkpoints"}, []),
        ({"summary.csv", "metrics.csv"}, set(), ["metrics.csv"]),
        (set(), {"pretraining/c"}, ["pretraining/c"]),
        ({"mlflow.db2"}, {"logs/other"}, ["logs/other", "mlflow.db2"]),
    ],
)
def test_the_audit_finds_what_is_not_declared(opened, listed, found):
    declared = frozenset({"summary.csv", "figures/c/roc.svg", "logs/draw/c.log"})
    job = audit.Job("draw", declared, (".checkpoints", "mlflow.db"), frozenset(opened), frozenset(listed))
    assert audit.undeclared(job) == found


def test_the_audit_sees_what_a_script_opens(tmp_path):
    root = tmp_path / "results/tiny"
    (tmp_path / ".snakemake/scripts").mkdir(parents=True)
    root.mkdir(parents=True)
    (root / "in.csv").write_text("")
    script = tmp_path / ".snakemake/scripts/tmp1.work.py"
    script.write_text(
        "from types import SimpleNamespace\nimport os, subprocess, sys\n"
        "snakemake = SimpleNamespace(rule='work', input=['results/tiny/in.csv'], output=[], log=[], params=[])\n"
        "open('results/tiny/in.csv').close()\nos.listdir('results/tiny/other')\n"
        "subprocess.run([sys.executable, '-c', \"open('results/tiny/other/new.csv', 'w').close()\"], check=True)\n"
    )
    (root / "other").mkdir()
    variables = audit.environment(ENVIRONMENT, tmp_path / "audit")
    subprocess.run([sys.executable, str(script)], cwd=tmp_path, env=variables, check=True)
    (job,) = audit.read_jobs(tmp_path / "audit", root)
    assert audit.undeclared(job) == ["other", "other/new.csv"]


def test_every_promised_file_is_there_and_has_its_format(finished):
    root = finished / "results/tiny"
    for cohort in COHORTS:
        folder = root / "cohorts" / cohort
        manifest = MANIFEST.read(folder / "manifest.csv")
        images = np.load(folder / "images.npy", mmap_mode="r")
        assert images.shape == (len(manifest), 32, 32, 3)
        SPLITS.read(folder / "splits.csv")
        QUARANTINE.read(folder / "quarantine.csv")
        for arm in ("baseline_cnn", "vit_pure", "vit_contrastive", "vit_mim", "vit_sparse", *RANDOM):
            with np.load(root / "features" / cohort / f"{arm}.npz") as archive:
                assert len(archive["features"]) == manifest["subject_id"].nunique()
            assert json.loads((root / "features" / cohort / f"{arm}.json").read_text())["status"] == "ok"
            for classifier in ("svm", "src"):
                PREDICTIONS.read(root / "predictions" / cohort / f"{arm}.{classifier}.csv")
        for figure in (kind.name for kind in kinds_of(over_cohorts=False)):
            for suffix in ("svg", "png", "pdf"):
                assert (root / "figures" / cohort / f"{figure}.{suffix}").stat().st_size > 1000
    modes = {cohort: json.loads((root / "pretraining" / cohort / "vit_mim.json").read_text()) for cohort in COHORTS}
    assert {cohort: facts["pretraining"]["mode"] for cohort, facts in modes.items()} == {
        "brats_phantom": "volume", "acdc_phantom": "slices"
    }  # fmt: skip
    volumes = np.load(root / "cohorts/brats_phantom/volumes.npy", mmap_mode="r")
    assert volumes.shape == (16, 8, 16, 16, 3)
    METRICS.read(root / "metrics.csv")
    summary = SUMMARY.read(root / "summary.csv")
    assert set(summary["status"]) == {"ok"}
    assert (root / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert COSTS.read(root / "costs.csv")["stage"].nunique() == 6
    for table in (PAIRWISE, BAYESIAN, MCNEMAR):
        assert len(table.read(root / "statistics" / table.name)) == 2 * 105  # 15 methods, 105 pairs a cohort
    assert set(DELONG.read(root / "statistics/delong.csv")["cohort"]) == {"brats_phantom"}  # the one of two classes
    assert OMNIBUS.read(root / "statistics/omnibus.csv")["status"].tolist() == ["not enough cohorts: 2 of at least 5"]
    assert len(RANKS.read(root / "statistics/ranks.csv")) == 15
    assert len(FACTORS.read(root / "statistics/factors.csv")) == 2 * 3
    budget = BUDGET.read(root / "statistics/budget.csv")
    assert len(budget) == 2 * 15
    assert (budget["n_features"] > 0).sum() == 2 * 14  # all but the majority class
    for figure in (name for name, kind in KINDS.items() if kind.over_cohorts):
        assert (root / "figures" / f"{figure}.svg").stat().st_size > 1000
    assert (root / "mlflow.db").exists()
    for log in (root / "logs").rglob("*.log"):
        assert "Traceback" not in log.read_text(), log


def test_majority_class_is_at_chance(finished):
    summary = SUMMARY.read(finished / "results/tiny/summary.csv")
    rows = summary[(summary["arm"] == "control_majority_class") & (summary["metric"] == "balanced_accuracy")]
    assert rows.set_index("cohort")["estimate"].to_dict() == {"brats_phantom": 0.5, "acdc_phantom": 0.2}


def shared_lines(folder, name):
    """Lines of a table that a study of the small config shares with the tiny one."""
    others = {"acdc_phantom", "baseline_cnn", "control_random_efficientnet", "vit_contrastive", "vit_mim"}
    lines = (folder / "results/tiny" / name).read_text().splitlines()
    return [line for line in lines if not others & set(line.split(","))]


def test_second_run_elsewhere_gives_the_same_tables(finished, study, small_config):
    folder = study(small_config)
    snakemake(folder, *RUN)
    # Bayesian tests depend on two methods alone, other tests on how many pairs the cohort has.
    for name in ("metrics.csv", "summary.csv", "cohorts/brats_phantom/splits.csv", "statistics/bayesian.csv"):
        assert len(shared_lines(folder, name)) > 20
        assert shared_lines(folder, name) == shared_lines(finished, name), name


def test_nothing_is_left_to_do(finished):
    assert "Nothing to be done" in snakemake(finished, "--cores", "2", "-n").stdout


def test_dry_run_shows_threads_and_resources(study):
    started = time.monotonic()
    shown = snakemake(study.folder, "-n", "--cores", "4").stdout
    assert shown.count("rule encode_images:") == 12
    assert shown.count("rule pretrain_arm:") == 4
    assert "threads: 4" in shown
    assert "gpu=1" in shown
    assert "mem_mb=2500" in shown
    assert not (study.folder / "results").exists()
    print(f"dry run: {time.monotonic() - started:.1f} s")


@pytest.mark.parametrize(
    ("target", "rules", "others"),
    [
        ("cohorts", {"check_leakage"}, {"encode_images", "build_weights"}),
        ("features", {"encode_images", "code_features"}, {"classify_subjects"}),
        ("classify", {"classify_subjects", "predict_majority"}, {"score_predictions"}),
        (
            "statistics",
            {"score_predictions", "compare_methods", "compare_subjects", "compare_test_sets", "collect_costs"},
            {"draw_figures"},
        ),
        ("statistics", {"compare_cohorts", "explain_variance", "weigh_budget"}, {"draw_comparisons"}),
        ("report", {"write_report", "track_study", "hash_outputs"}, set()),
        ("results/tiny/features/acdc_phantom/vit_pure.npz", {"encode_images"}, {"code_features", "classify_subjects"}),
    ],
)
def test_stage_targets_and_files(study, target, rules, others):
    shown = snakemake(study.folder, "-n", "--cores", "2", target).stdout
    planned = planned_rules(shown)
    assert rules <= planned
    assert not others & planned


def test_changed_option_reruns_only_what_depends_on_it(finished):
    config = yaml.safe_load((finished / "study.yaml").read_text())
    config["evaluation"]["rope"] = 0.02
    (finished / "other.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    shown = snakemake(finished, "statistics", "-n", "--configfile", str(finished / "other.yaml")).stdout
    assert "rule compare_methods" in shown
    assert "rule encode_images" not in shown
    assert "rule score_predictions" not in shown


def test_killed_study_resumes_to_the_same_metrics(finished, study, small_config):
    study(small_config)
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml", *RUN,
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=study.folder, env=ENVIRONMENT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    features = study.folder / "results/tiny/features"
    deadline = time.monotonic() + 120
    while not list(features.rglob("*.npz")) and time.monotonic() < deadline:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (study.folder / "results/tiny/metrics.csv").exists()
    snakemake(study.folder, *RUN)
    assert shared_lines(study.folder, "metrics.csv") == shared_lines(finished, "metrics.csv")


def planned_rules(text):
    return {line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith(("rule ", "localrule "))}


def test_until_and_forcerun(finished, study):
    until = planned_rules(snakemake(study.folder, "-n", "--until", "split_cohort").stdout)
    assert until == {"obtain_cohort", "prepare_cohort", "split_cohort"}
    forced = planned_rules(snakemake(finished, "-n", "--forcerun", "compare_methods").stdout)
    assert {"compare_methods", "draw_figures", "write_report"} <= forced
    assert not {"score_predictions", "classify_subjects", "encode_images"} & forced


def test_laptop_study_is_planned_when_its_folders_exist(finished, tmp_path):
    (tmp_path / "study.yaml").write_text((ROOT / "config/laptop.yaml").read_text())
    (tmp_path / "data").mkdir()
    raw = finished / "results/tiny/raw"
    (tmp_path / "data/ACDC").symlink_to(next(raw.glob("acdc_phantom-*")))
    brats = next(raw.glob("brats_phantom-*")) / "MICCAI_BraTS2020_TrainingData"
    (tmp_path / "data/MICCAI_BraTS2020_TrainingData").symlink_to(brats)
    # The phantoms have fewer subjects than the folds of the laptop's study need, and this machine may have no card.
    here = ("--config", "device=auto", "evaluation={folds: 2}")
    shown = snakemake(tmp_path, "-n", "--cores", "12", *here).stdout
    assert {"encode_images", "code_features", "write_report"} <= planned_rules(shown)
    assert re.search(r"^total +\d+$", shown, re.MULTILINE)


def test_mistakes_stop_the_dry_run(study, tiny_config):
    config = copy.deepcopy(tiny_config)
    config["evaluation"]["fold"] = 3
    result = snakemake(study(config), "-n", check=False)
    assert result.returncode != 0
    assert "config key evaluation.fold: is not known" in result.stderr + result.stdout
    assert "did you mean `folds`" in result.stderr + result.stdout


def test_misspelt_positive_class_stops_the_study_before_an_image_is_read(study, small_config):
    config = copy.deepcopy(small_config)
    config["cohorts"]["brats_phantom"]["positive"] = "HGB"
    result = snakemake(study(config), "--cores", "2", "cohorts", check=False)
    assert result.returncode != 0
    assert "cohorts.brats_phantom.positive: there is no class 'HGB'" in result.stderr
    assert "the classes are HGG, LGG" in result.stderr
    assert "rule split_cohort" not in result.stderr


def test_missing_cohort_folder_is_named_in_the_dry_run(study, tiny_config):
    config = copy.deepcopy(tiny_config)
    config["cohorts"]["brats_phantom"]["source"] = {"path": str(study.folder / "nowhere")}
    result = snakemake(study(config), "-n", check=False)
    assert result.returncode != 0
    assert "nowhere" in result.stderr + result.stdout
    assert "cohorts.brats_phantom" in result.stderr + result.stdout


def test_laptop_study_says_what_is_missing(tmp_path):
    (tmp_path / "study.yaml").write_text((ROOT / "config/laptop.yaml").read_text())
    result = snakemake(tmp_path, "-n", check=False)
    assert result.returncode != 0
    text = result.stderr + result.stdout
    assert "cohorts.brats2020" in text
    assert "cohorts.acdc" in text


def test_one_broken_volume_is_quarantined_and_too_many_stop_the_study(study, tiny_config, finished):
    """The user's own folder, with one truncated volume among sixteen subjects."""
    raw = next((finished / "results/tiny/raw").glob("brats_phantom-*"))
    copied = study.folder / "mine"
    subprocess.run(["cp", "-r", str(raw), str(copied)], check=True)
    broken = sorted(copied.rglob("*_t1ce.nii.gz"))[3]
    broken.write_bytes(broken.read_bytes()[:200])
    config = copy.deepcopy(tiny_config)
    config["cohorts"] = {"mine": {**tiny_config["cohorts"]["brats_phantom"], "source": {"path": str(copied)}}}
    config["quarantine"] = {"max_fraction": 0.02}
    result = snakemake(study(config), "--cores", "2", "cohorts", check=False)
    assert result.returncode != 0
    assert broken.parent.name in result.stderr + result.stdout
    listed = study.folder / "results/tiny/logs/prepare_cohort/mine.quarantine.csv"
    assert f"results/tiny/logs/prepare_cohort/{listed.name}: 1 of 16 subjects" in result.stderr + result.stdout
    assert QUARANTINE.read(listed)["subject_id"].tolist() == [broken.parent.name]
    config["quarantine"] = {"max_fraction": 0.1}
    snakemake(study(config), "--cores", "2", "cohorts")
    assert listed.read_text() == ""  # Snakemake makes an empty one
    rows = QUARANTINE.read(study.folder / "results/tiny/cohorts/mine/quarantine.csv")
    assert rows["subject_id"].tolist() == [broken.parent.name]
    subjects = pd.unique(MANIFEST.read(study.folder / "results/tiny/cohorts/mine/manifest.csv")["subject_id"])
    assert len(subjects) == 15
    assert nibabel.load(sorted(copied.rglob("*_t1ce.nii.gz"))[0]).shape == (32, 32, 24)


def test_failed_arm_is_reported_and_the_study_ends(study, small_config):
    config = copy.deepcopy(small_config)
    config["arms"]["vit_sparse"]["atoms"] = 500
    assert snakemake(study(config), *RUN, check=False).returncode == 3
    root = study.folder / "results/tiny"
    summary = SUMMARY.read(root / "summary.csv")
    failed = summary[summary["arm"] == "vit_sparse"]
    assert failed["status"].str.startswith("failed: arms.vit_sparse.atoms: 500 atoms cannot be learned").all()
    assert failed["estimate"].isna().all()
    assert "500 atoms cannot be learned" in (root / "report.html").read_text()


def test_a_finished_study_can_be_verified_and_one_changed_byte_is_named(finished, tmp_path):
    shutil.copytree(finished / "results" / "tiny", tmp_path / "tiny", ignore=shutil.ignore_patterns(".checkpoints"))
    command = [sys.executable, "-m", "sixgig", "verify", str(tmp_path / "tiny"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    found = json.loads(done.stdout)
    told = [one for one in found["findings"] if one["level"] != "ok" and "by commit" not in one["text"]]
    assert told == []
    assert {finding["check"] for finding in found["findings"]} == {
        "hashes", "splits", "gate", "figures", "tables", "report", "versions",
    }  # fmt: skip
    assert (done.returncode, found["passed"]) == (0, True)
    listed = {line[66:] for line in (tmp_path / "tiny" / "outputs.sha256").read_text().splitlines()}
    assert {"metrics.csv", "report.html", "cohorts/brats_phantom/images.npy", "weights/vit.safetensors"} <= listed
    for name in ("features/acdc_phantom/vit_pure.npz", "figures/brats_phantom/roc.png"):
        content = bytearray((tmp_path / "tiny" / name).read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "tiny" / name).write_bytes(content)
        done = subprocess.run([*command, "--quick"], capture_output=True, text=True, cwd=ROOT, check=False)
        wrong = [finding["place"] for finding in json.loads(done.stdout)["findings"] if finding["level"] == "error"]
        assert (done.returncode, wrong) == (1, [name])
        content[len(content) // 2] ^= 1
        (tmp_path / "tiny" / name).write_bytes(content)
