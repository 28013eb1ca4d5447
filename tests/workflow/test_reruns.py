"""What runs again after a change, counted in a copy of a finished study by what `-n` plans."""

import os
import re
import shutil
import subprocess
import time

import pytest
from conftest import ROOT, snakemake

CODE = ("Snakefile", "rules", "scripts", "sixgig", "config", "profiles", "envs", "report")


@pytest.fixture
def copy(tmp_path, finished):
    """A copy of the code, and beside it a copy of the finished study, each with time stamps as they were."""
    for name in CODE:
        source, target = ROOT / name, tmp_path / "code" / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    (tmp_path / "code" / ".venv-tf1").symlink_to(ROOT / ".venv-tf1")
    shutil.copytree(finished, tmp_path / "study")
    return tmp_path


def planned(copy, study="study"):
    """Return the jobs that `-n` plans for the study, by rule."""
    shown = snakemake(copy / study, "-n", "--cores", "2", root=copy / "code").stdout
    if "Nothing to be done" in shown:
        return {}
    table = shown[shown.index("Job stats:") :]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE) if rule != "total"}


def edit(copy, path, old, new):
    file = copy / "code" / path
    text = file.read_text()
    assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
    file.write_text(text.replace(old, new))


DRAWING = {"draw_figures", "draw_comparisons", "write_report", "export_tables", "track_study", "hash_outputs", "all"}


def test_a_colour_redraws_figures_and_report_and_nothing_else(copy):
    edit(copy, "sixgig/figures/style.py", '"grid.color": "#DDDDDD"', '"grid.color": "#DDDDDE"')
    jobs = planned(copy)
    assert set(jobs) == DRAWING - {"export_tables"}


def test_comments_docstrings_and_layout_run_nothing(copy):
    for path in ("sixgig/words/language.py", "sixgig/tables/pairs.py", "sixgig/gpu/lock.py", "sixgig/arms/run.py"):
        file = copy / "code" / path
        file.write_text(file.read_text().replace('"""', '"""Another word. ', 1) + "\n\n# A comment.\n")
    assert planned(copy) == {}


def test_a_line_of_arithmetic_runs_its_readers_again(copy):
    edit(
        copy,
        "sixgig/statistics/mcnemar.py",
        "    return McNemarTest(int(",
        "    only_b = only_b + 0\n    return McNemarTest(int(",
    )
    jobs = planned(copy)
    assert jobs.pop("compare_subjects") == 1
    assert jobs.pop("compare_test_sets") == 1
    assert set(jobs) <= DRAWING


def test_a_line_of_an_arm_runs_that_arm_again(copy):
    edit(copy, "sixgig/arms/vit_sparse/arm.py", "class ", "_UNUSED = 1\n\n\nclass ")
    jobs = planned(copy)
    assert (jobs["code_features"], jobs["classify_subjects"]) == (2, 4)
    assert not {"encode_images", "pretrain_arm", "prepare_cohort", "build_weights"} & set(jobs)


def test_a_fresh_checkout_and_other_clocks_run_nothing(copy):
    for path in (copy / "code").rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() + 3600,) * 2)  # younger than every result, as after a clone or a clock set back
    assert planned(copy) == {}
    (copy / "elsewhere" / "deeper").mkdir(parents=True)
    shutil.move(copy / "study", copy / "elsewhere" / "deeper" / "study")
    assert planned(copy, "elsewhere/deeper/study") == {}


def test_results_copied_without_their_time_stamps_run_nothing(copy):
    subprocess.run(["cp", "-r", str(copy / "study"), str(copy / "again")], check=True)
    files = [path for path in (copy / "again" / "results").rglob("*") if path.is_file()]
    for number, path in enumerate(sorted(files, reverse=True)):
        os.utime(path, (time.time() + number,) * 2)
    assert planned(copy, "again") == {}


def test_results_copied_without_their_record_run_nothing(copy):
    shutil.rmtree(copy / "study" / ".snakemake")
    assert planned(copy) == {}
