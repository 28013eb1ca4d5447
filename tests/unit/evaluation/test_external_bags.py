"""A classifier of bags, trained on the images of one cohort and tested on those of another."""

import numpy as np
import pandas as pd

from sixgig.evaluation.external import ExternalJob, Side, classify_external
from sixgig.runtime.atomic import read_json, write_json
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.predictions import PREDICTIONS

OPTIONS = {"width": [4], "learning_rate": [0.05], "weight_decay": [0.001], "epochs": 30, "pca": 1.0}


def write_side(folder, name, n, seed, width=4):
    """Subjects of two classes with 3 images each, of which one tells the class; both cohorts have the same names."""
    rng = np.random.default_rng(seed)
    rows, features, splits = [], [], []
    for number in range(n):
        subject, label, marked = f"s{number:02d}", "ab"[number % 2], rng.integers(3)
        splits.append(
            {"subject_id": subject, "label": label, "role": "evaluation", "repeat": 0, "fold": number // 2 % 2}
        )
        for image in range(3):
            known = {"subject_id": subject, "label": label, "volume_id": subject, "slice": image}
            rows.append({"image_id": f"{subject}_{image}", **known, "partition": 0, "source": "x", "frame": None})
            features.append(rng.normal(size=width) + (20 * (number % 2) if image == marked else 0))
    MANIFEST.write(pd.DataFrame(rows).reindex(columns=MANIFEST.column_names), folder / f"{name}.manifest.csv")
    SPLITS.write(pd.DataFrame(splits).reindex(columns=SPLITS.column_names), folder / f"{name}.splits.csv")
    np.save(folder / f"{name}.images.npy", np.array(features, dtype=np.float32))
    write_json(folder / f"{name}.json", {"status": "ok"})
    return Side(
        name=name, splits=folder / f"{name}.splits.csv", sidecar=folder / f"{name}.json",
        image_features=folder / f"{name}.images.npy", images=folder / f"{name}.manifest.csv",
    )  # fmt: skip


def job(folder, own, other):
    write_json(folder / "gate.json", {"passed": True})
    return ExternalJob(
        own=own, other=other, gate=folder / "gate.json", classifier="mil", options=OPTIONS, inner_folds=2, seed=1,
        predictions=folder / "arm.mil.on.b.csv",
    )  # fmt: skip


def test_what_is_learned_on_one_cohort_is_found_on_the_other(tmp_path):
    classify_external(job(tmp_path, write_side(tmp_path, "a", 16, 0), write_side(tmp_path, "b", 10, 1)))
    found = PREDICTIONS.read(tmp_path / "arm.mil.on.b.csv")
    assert read_json(tmp_path / "arm.mil.on.b.json")["status"] == "ok"
    assert found["subject_id"].tolist() == [f"s{number:02d}" for number in range(10)]
    assert found["label"].tolist() == ["ab"[number % 2] for number in range(10)]
    assert (found["predicted"] == found["label"]).mean() >= 0.9


def test_features_of_another_length_are_an_outcome(tmp_path):
    classify_external(job(tmp_path, write_side(tmp_path, "a", 16, 0), write_side(tmp_path, "b", 10, 1, 5)))
    status = read_json(tmp_path / "arm.mil.on.b.json")["status"]
    assert "subjects of a have 4 features, and those of b 5" in status
    assert not len(PREDICTIONS.read(tmp_path / "arm.mil.on.b.csv"))
