from __future__ import annotations

from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from sixgig.evaluation.leakage import check_leakage
from sixgig.plan.config import complete
from sixgig.reporting.exports import write_tables
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json, write_json
from sixgig.runtime.recorded_hashes import write_hashes
from sixgig.tables.cohorts import SPLITS
from sixgig.verification.recomputed import Recomputed
from tests.unit.reporting.fake_study import write_fake_study

COHORT = "brats_phantom"
STATISTICS = (
    "arm_scores",
    "arm_summary",
    "contrasts",
    "pairwise",
    "bayesian",
    "mcnemar",
    "delong",
    "test_pairs",
    "omnibus",
    "ranks",
    "factors",
    "budget",
    "clinical",
    "decision_curve",
)


def hashed(folder: Path) -> None:
    """Record the hashes of all files of a study."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "outputs.sha256"]
    write_hashes(folder, files, folder.parent / ".sha256.json")


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_fake_study(tmp_path_factory.mktemp("verified") / "fake", cohorts=(COHORT,))
    info = read_json(folder / "study.json")
    # One family of networks, so that there is one random control.
    arms = {name: {"weights": "dinov2_vits14"} for name in ("baseline_cnn", "vit_pure")}
    config = info["config"] | {"arms": arms}
    config["evaluation"] = config["evaluation"] | {"bootstrap_samples": 100, "folds": 5, "repeats": 3}
    write_json(folder / "study.json", info | {"config": complete(config)})
    _of_two_arms(folder)
    return folder


def _of_two_arms(folder: Path) -> None:
    """Leave two arms and the subjects that have images, and make every table of what is before it."""
    manifest_subjects = set(Study(folder).manifest(COHORT)["subject_id"])
    splits = Study(folder).splits(COHORT)
    SPLITS.write(splits[splits["subject_id"].isin(manifest_subjects)], folder / "cohorts" / COHORT / "splits.csv")
    for path in folder.rglob("*vit_sparse*"):
        path.unlink()
    np.save(folder / "cohorts" / COHORT / "volumes.npy", np.zeros((0, 1, 1, 1, 1), np.float16))
    for path in (folder / "predictions" / COHORT).glob("*.csv"):
        (path.with_suffix(".test.csv")).write_text(path.read_text().partition("\n")[0] + "\n")
    summary = (folder / "summary.csv").read_text().splitlines(keepends=True)
    (folder / "summary.csv").write_text("".join(line for line in summary if "vit_sparse" not in line))
    costs = (folder / "costs.csv").read_text().splitlines(keepends=True)
    (folder / "costs.csv").write_text("".join(line for line in costs if "vit_sparse" not in line))
    for name in ("metrics.csv", "summary.csv", "test_summary.csv", *(f"statistics/{own}.csv" for own in STATISTICS)):
        # A study keeps what it has read: each table is made from those before it by a fresh one.
        table, compute = next(found[1:3] for found in Recomputed(Study(folder), 1).tables() if found[0] == name)
        table.write(compute(), folder / name)
    write_tables(Study(folder), folder / "tables")
    study = Study(folder)
    facts = check_leakage(study.manifest(COHORT), study.splits(COHORT), study.images(COHORT))
    write_json(folder / "cohorts" / COHORT / "leakage.json", facts)
    hashed(folder)


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Path:
    """A study of one cohort and two arms whose tables follow from each other; yours to damage."""
    return Path(copytree(finished_once, tmp_path / "results" / "fake"))
