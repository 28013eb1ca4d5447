"""A table whose patients have images of several classes, through the real DAG, counted per image and per patient."""

import numpy as np
import pytest
import yaml
from conftest import RUN, snakemake
from PIL import Image

from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.pairs import MCNEMAR
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import SUMMARY


def write_table(folder):
    """Sixteen patients with three images each; the first image of every second patient is of class 1, and brighter."""
    rng = np.random.default_rng(8)
    folder.mkdir()
    lines = ["image,patient_id,target"]
    for patient in range(16):
        for number in range(3):
            target = int(number == 0 and patient % 2 == 0)
            name = f"ISIC_{patient:02d}{number}.png"
            pixels = rng.integers(0, 120, (24, 24, 3)) + 100 * target
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
            lines.append(f"{name},IP_{patient:02d},{target}")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_config):
    folder = tmp_path_factory.mktemp("image_labels")
    write_table(folder / "isic")
    isic = {
        "adapter": "table",
        "source": {"path": str(folder / "isic/train.csv")},
        "columns": {"path": "image", "subject": "patient_id", "label": "target"},
        "labels_of": "image",
    }
    config = {
        **tiny_config,
        "cohorts": {"images": isic, "patients": {**isic, "metrics_of": "subject"}},
        "arms": {arm: tiny_config["arms"][arm] for arm in ("vit_pure", "vit_sparse")},
        "weights": {"vit": tiny_config["weights"]["vit"]},
        "controls": {"majority_class": True, "random_vit": False},
        "tracking": {"mlflow": False},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(folder, *RUN)
    return folder / "results/tiny"


def test_every_image_keeps_its_class_and_a_patient_stays_in_one_fold(finished):
    manifest = MANIFEST.read(finished / "cohorts/images/manifest.csv")
    assert manifest["label"].value_counts().to_dict() == {"0": 40, "1": 8}
    splits = SPLITS.read(finished / "cohorts/images/splits.csv")
    assert set(splits["label"]) == {"0", "0 + 1"}
    predictions = PREDICTIONS.read(finished / "predictions/images/vit_pure.svm.csv")
    evaluated = set(splits.loc[splits["role"] == "evaluation", "subject_id"])
    assert set(predictions["subject_id"]) == evaluated
    assert (predictions.groupby(["repeat", "subject_id"])["image_id"].nunique() == 3).all()
    assert (predictions.groupby(["repeat", "subject_id"])["fold"].nunique() == 1).all()
    truth = manifest.set_index("image_id")["label"]
    assert (predictions["label"].to_numpy() == truth[predictions["image_id"]].to_numpy()).all()
    assert (predictions.groupby(["repeat", "fold"])["label"].nunique() == 2).all()


def test_metrics_count_what_the_study_file_says(finished):
    summary = SUMMARY.read(finished / "summary.csv")
    n_subjects = summary["n_subjects"].iloc[0]
    own = summary.set_index("cohort")["n_images"]
    assert set(own["images"]) == {3 * n_subjects}
    assert own["patients"].isna().all()
    tests = MCNEMAR.read(finished / "statistics/mcnemar.csv")
    counts = tests[["both_right", "only_a_right", "only_b_right", "both_wrong"]].sum(axis=1)
    assert set(counts[tests["counted"] == "image"]) == {3 * n_subjects}
    assert set(counts[tests["counted"] == "subject"]) == {n_subjects}
    assert set(tests.loc[tests["counted"] == "image", "cohort"]) == {"images"}


def test_the_report_says_what_is_counted(finished):
    html = (finished / "report.html").read_text()
    assert "Metrics count images. Images of one subject are alike" in html
    assert "Metrics count subjects: one is 1, or is predicted to be, when any of its images is" in html
    assert "do not take images of one subject for independent" in html
