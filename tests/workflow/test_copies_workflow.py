"""A public folder with copies in training and test set, through the real DAG: stopped, then used in two ways."""

import copy
import json

import audit
import numpy as np
import pytest
import yaml
from conftest import ENVIRONMENT, RUN, snakemake
from PIL import Image
from scipy.ndimage import gaussian_filter

from sixgig.tables.cohorts import COPIES, MANIFEST, SPLITS


def write_folder(folder):
    """Twelve pictures of each class to train on and six to test on; two that are tested are copies, one is turned."""
    rng = np.random.default_rng(7)

    def picture():
        smooth = gaussian_filter(rng.normal(size=(40, 40)), 2.5)
        return np.uint8(20 + 200 * (smooth - smooth.min()) / np.ptp(smooth))

    pictures = {
        (part, label, number): picture()
        for part, n in (("Training", 12), ("Testing", 6))
        for label in ("glioma", "none")
        for number in range(n)
    }
    pictures["Testing", "none", 0] = pictures["Training", "none", 3]
    pictures["Testing", "glioma", 0] = np.rot90(pictures["Training", "glioma", 5])
    pictures["Training", "glioma", 9] = np.fliplr(pictures["Training", "glioma", 8])
    pictures["Training", "none", 9] = pictures["Training", "glioma", 7]  # contradicts itself
    for (part, label, number), own in pictures.items():
        path = folder / part / label / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(own)).save(path)


@pytest.fixture(scope="module")
def study(tmp_path_factory, tiny_config):
    folder = tmp_path_factory.mktemp("copies")
    write_folder(folder / "mri")
    config = {
        **copy.deepcopy(tiny_config),
        "cohorts": {
            "mri": {"adapter": "image_folder", "source": {"path": str(folder / "mri")}, "official_splits": True}
        },
        "arms": {"vit_pure": tiny_config["arms"]["vit_pure"]},
        "weights": {"vit": tiny_config["weights"]["vit"]},
        "controls": {"majority_class": True, "random_vit": False},
        "tracking": {"mlflow": False},
    }

    def run(duplicates, name, check=True):
        config["cohorts"]["mri"]["duplicates"] = duplicates
        (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        variables = audit.environment(ENVIRONMENT, folder / f"audit-{name}")
        return snakemake(folder, *RUN[:2], "cohorts", *RUN[2:], check=check, variables=variables)

    return folder, run


def test_copies_stop_a_study_and_two_words_mend_it(study):
    folder, run = study
    cohort = folder / "results/tiny/cohorts/mri"
    stopped = run("stop", "stop", check=False)
    assert stopped.returncode != 0, stopped.stdout + stopped.stderr
    log = (folder / "results/tiny/logs/check_leakage/mri.log").read_text()
    assert "groups of identical images belong to subjects in different roles or folds" in log
    assert "set `duplicates` of this cohort in the study file to group" in log
    listed = COPIES.read(cohort / "copies.csv")
    assert (len(listed), listed["group"].nunique()) == (8, 4)

    run("drop", "drop")
    manifest = MANIFEST.read(cohort / "manifest.csv")
    # Of 36: one beside its tested copy, twice; one of two in the training set; two that contradict each other.
    assert len(manifest) == len(np.load(cohort / "images.npy", mmap_mode="r")) == 31
    assert (manifest["official"] == "test").sum() == 12
    log = (folder / "results/tiny/logs/prepare_cohort/mri.log").read_text()
    assert "continuing after 36 subjects that an earlier run prepared" in log
    gate = json.loads((cohort / "leakage.json").read_text())
    assert (gate["passed"], gate["near_copies_across"], gate["duplicates_within_fold"]) == (True, [], [])
    splits = SPLITS.read(cohort / "splits.csv")
    assert set(splits["role"]) == {"evaluation", "test"}  # no arm learns, so nobody is set aside

    run("group", "group")
    manifest = MANIFEST.read(cohort / "manifest.csv").set_index("image_id")
    assert len(manifest) == 32
    assert manifest.loc["Training__glioma__09.png", "subject_id"] == "Training__glioma__08.png"
    assert json.loads((cohort / "leakage.json").read_text())["passed"]
    assert not [
        path
        for job in audit.read_jobs(folder / "audit-group", folder / "results/tiny")
        for path in audit.undeclared(job)
    ]
