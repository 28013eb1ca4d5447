"""The map of features: two principal components, the same every time, of evaluation samples alone."""

import numpy as np
import pandas as pd
import pytest

from sixgig.statistics.feature_map import components, map_features
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.features import write_features


@pytest.mark.parametrize("shape", [(12, 40), (40, 12)])
def test_components_are_those_of_a_singular_value_decomposition(shape):
    features = np.random.default_rng(0).normal(size=shape)
    places, shares = components(features)
    scaled = (features - features.mean(0)) / features.std(0)
    u, s, _ = np.linalg.svd(scaled, full_matrices=False)
    np.testing.assert_allclose(np.abs(places), np.abs(u[:, :2] * s[:2]), atol=1e-9)
    np.testing.assert_allclose(shares, (s**2 / (s**2).sum())[:2])
    np.testing.assert_array_equal(components(features)[0], places)


@pytest.mark.parametrize("features", [np.ones((5, 3)), np.zeros((1, 4))])
def test_samples_without_variance_lie_in_one_place(features):
    places, shares = components(features)
    assert not places.any()
    assert not shares.any()


def test_one_feature_fills_one_dimension():
    places, shares = components(np.arange(6.0)[:, None])
    assert shares.tolist() == [1, 0]
    assert not places[:, 1].any()
    assert len(set(places[:, 0].round(6))) == 6


def write_cohort(folder, image_labels=False):
    folder.mkdir(parents=True)
    subjects = ["a", "b", "c", "d"]
    images = [(f"{name}-{k}", name, "x" if k else "y", None, None, None, None, "f", None) for name in subjects
              for k in range(2)]  # fmt: skip
    if not image_labels:
        images = [(image, name, "x", *rest) for image, name, _, *rest in images]
    MANIFEST.write(pd.DataFrame(images, columns=MANIFEST.column_names), folder / "manifest.csv")
    splits = [(name, "x", "evaluation", 0, 0) for name in subjects[:3]] + [("d", None, "pretraining", None, None)]
    SPLITS.write(pd.DataFrame(splits, columns=SPLITS.column_names), folder / "splits.csv")


def test_evaluation_subjects_alone_are_mapped_and_failed_arms_are_not(tmp_path):
    write_cohort(tmp_path / "c")
    rng = np.random.default_rng(1)
    write_features(tmp_path / "good.npz", rng.normal(size=(4, 3)), np.array(["a", "b", "c", "d"]))
    write_features(tmp_path / "bad.npz", np.zeros((0, 3)), np.array([], dtype=str))
    files = {("c", "good"): tmp_path / "good.npz", ("c", "bad"): tmp_path / "bad.npz"}
    table = map_features(files, {"c": tmp_path / "c"})
    assert table[["arm", "subject_id", "label"]].to_numpy().tolist() == [["good", name, "x"] for name in "abc"]
    assert len(map_features({("c", "bad"): tmp_path / "bad.npz"}, {"c": tmp_path / "c"})) == 0


def test_images_with_classes_of_their_own_are_mapped_by_these(tmp_path):
    write_cohort(tmp_path / "c", image_labels=True)
    names = np.array([f"{subject}-{k}" for subject in "abcd" for k in range(2)])
    subjects = np.array([name[0] for name in names])
    write_features(tmp_path / "f.npz", np.random.default_rng(1).normal(size=(8, 3)), subjects, names)
    table = map_features({("c", "arm"): tmp_path / "f.npz"}, {"c": tmp_path / "c"})
    assert table["image_id"].tolist() == names[:6].tolist()
    assert table["label"].tolist() == ["y", "x"] * 3
