"""Sparse codes over a dictionary, and the arm that makes them."""

import json

import numpy as np
import pytest
from sklearn.linear_model import orthogonal_mp_gram

from sixgig.arms.transform import transform_cohort
from sixgig.arms.vit_sparse.arm import SparseViT
from sixgig.arms.vit_sparse.atoms import number_of_atoms
from sixgig.tables.features import read_features

SPARSE = {"atoms": 8, "nonzeros": 3, "alpha": 0.1, "epochs": 5, "batch_size": 8, "pooling": "mean"}


def test_sparse_codes_have_few_entries_and_explain_the_features():
    rng = np.random.default_rng(0)
    atoms = rng.normal(size=(8, 20))
    codes = np.zeros((60, 8))
    for row in codes:
        row[rng.choice(8, 2, replace=False)] = rng.normal(size=2) + 2
    features = (codes @ atoms).astype(np.float32)
    may_learn = np.arange(60) < 40
    coded, learned = SparseViT().transform(features, may_learn, SPARSE, seed=0)
    assert coded.shape == (60, 8)
    assert ((coded != 0).sum(axis=1) <= 3).all()
    assert learned["learning_images"] == 40
    assert learned["relative_error_others"] < 0.8


def test_sparse_dictionary_does_not_see_other_subjects():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 12)).astype(np.float32)
    may_learn = np.arange(40) < 20
    changed = features.copy()
    changed[30:] = rng.normal(size=(10, 12)) * 50
    one = SparseViT().transform(features, may_learn, SPARSE, seed=0)[0]
    other = SparseViT().transform(changed, may_learn, SPARSE, seed=0)[0]
    np.testing.assert_array_equal(one[:30], other[:30])


def sparse_features(n, seed=0):
    """Features of n images that are mixtures of 2 of 8 directions, in 20 dimensions."""
    rng = np.random.default_rng(seed)
    atoms = rng.normal(size=(8, 20))
    codes = np.zeros((n, 8))
    for row in codes:
        row[rng.choice(8, 2, replace=False)] = rng.normal(size=2) + 2
    return (codes @ atoms + 0.05 * rng.normal(size=(n, 20))).astype(np.float32)


def test_random_atoms_stand_beside_the_error_and_are_learning_images():
    features = sparse_features(300)
    may_learn = np.arange(300) < 200
    _, learned = SparseViT().transform(features, may_learn, SPARSE, seed=3)
    unit = features.astype(np.float64) - features[:200].astype(np.float64).mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    errors = []
    for draw in range(3):
        atoms = unit[np.sort(np.random.default_rng([3, draw]).choice(200, 8, replace=False))]
        codes = orthogonal_mp_gram(atoms @ atoms.T, atoms @ unit[200:].T, n_nonzero_coefs=3).T
        errors.append(np.linalg.norm(unit[200:] - codes @ atoms, axis=1).mean())
    assert learned["relative_error_random_atoms"] == pytest.approx(np.mean(errors), rel=1e-6)
    assert learned["relative_error_others"] < 0.9 * learned["relative_error_random_atoms"]
    assert learned["beats_random_atoms"] is True
    assert (learned["few_images"], learned["remarks"]) == (False, [])


def test_a_dictionary_of_nearly_as_many_atoms_as_images_is_said_to_be_no_better_than_images(caplog):
    features = np.random.default_rng(0).normal(size=(60, 30)).astype(np.float32)
    may_learn = np.arange(60) < 26
    with caplog.at_level("WARNING"):
        _, learned = SparseViT().transform(features, may_learn, SPARSE | {"atoms": 24}, seed=0)
    assert learned["few_images"] is True
    assert learned["beats_random_atoms"] is False
    assert learned["remarks"][0].startswith("24 atoms were learned from 26 images, 1.1 for each: below 2")
    error, chance = learned["relative_error_others"], learned["relative_error_random_atoms"]
    assert learned["remarks"][1] == (
        f"learning did not beat chance: on images of other subjects the error is {error:.3f}, and {chance:.3f} with 24 "
        "random learning images as atoms"
    )
    assert all(remark in caplog.text for remark in learned["remarks"])


def test_there_is_no_error_on_others_when_all_images_are_learned_from():
    _, learned = SparseViT().transform(sparse_features(40), np.ones(40, bool), SPARSE, seed=0)
    assert learned["relative_error_random_atoms"] is None
    assert learned["beats_random_atoms"] is None
    assert learned["remarks"] == []


@pytest.mark.parametrize(
    ("option", "images", "nonzeros", "atoms"),
    [("auto", 115, 12, 28), ("auto", 5000, 12, 256), ("auto", 30, 12, 12), ("auto", 5, 1, 2), (96, 115, 12, 96)],
)
def test_atoms_follow_the_learning_images_when_asked_to(option, images, nonzeros, atoms):
    assert number_of_atoms(option, images, nonzeros) == atoms


def test_auto_atoms_make_features_of_that_length():
    features = sparse_features(100)
    coded, learned = SparseViT().transform(features, np.arange(100) < 60, SPARSE | {"atoms": "auto"}, seed=0)
    assert coded.shape == (100, 15)
    assert (learned["atoms"], learned["few_images"]) == (15, False)
    explicit, _ = SparseViT().transform(features, np.arange(100) < 60, SPARSE | {"atoms": 15}, seed=0)
    np.testing.assert_array_equal(coded, explicit)


def test_sparse_arm_through_files(cohort, tmp_path):
    rows = np.random.default_rng(0).normal(size=(10, 12)).astype(np.float32)
    np.save(tmp_path / "source.npy", rows)
    options = SPARSE | {"atoms": 4, "nonzeros": 2}
    arguments = ("codes", "vit_sparse", options, "dino", tmp_path / "source.npy", cohort / "manifest.csv")
    transform_cohort(*arguments, {"s0", "s1", "s2"}, tmp_path / "arm.npz", 0)
    features, _ = read_features(tmp_path / "arm.npz")
    assert features.shape == (5, 4)
    sidecar = json.loads((tmp_path / "arm.json").read_text())
    assert sidecar["learned"]["learning_images"] == 6
    assert (sidecar["arm"], sidecar["backbone"], sidecar["source_arm"]) == ("codes", "dino", "dino")
    transform_cohort(*arguments, {"s0"}, tmp_path / "arm.npz", 0)
    status = json.loads((tmp_path / "arm.json").read_text())["status"]
    assert status == "failed: arms.codes.atoms: 4 atoms cannot be learned from 2 images of pretraining subjects"
    np.save(tmp_path / "source.npy", np.zeros((0, 0), np.float32))
    transform_cohort(*arguments, {"s0"}, tmp_path / "arm.npz", 0)
    assert "dino: failed, and this arm needs its features" in json.loads((tmp_path / "arm.json").read_text())["status"]
