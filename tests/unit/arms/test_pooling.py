import numpy as np
import pandas as pd
import pytest

from sixgig.arms.pooling import POOLINGS, check_pooling, pool_samples, pool_subjects
from sixgig.errors import CohortError


def manifest(subjects, frames=None):
    n = len(subjects)
    return pd.DataFrame({"subject_id": subjects, "frame": frames or [None] * n})


def test_mean_per_subject_in_order_of_appearance():
    rows = np.array([[1.0, 2], [9, 9], [3, 4]])
    features, ids = pool_subjects(rows, manifest(["b", "a", "b"]), "mean")
    assert ids.tolist() == ["b", "a"]
    np.testing.assert_array_equal(features, [[2, 3], [9, 9]])
    assert features.dtype == np.float32


@pytest.mark.parametrize("pooling", sorted(POOLINGS))
def test_one_image_per_subject_is_kept(pooling):
    rows = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    features, _ = pool_subjects(rows, manifest(["a", "b", "c"]), pooling)
    assert features.shape == (3, 4 * len(POOLINGS[pooling]))
    np.testing.assert_array_equal(features[:, :4], rows)


def test_frames_are_concatenated_ed_before_es():
    rows = np.array([[1.0], [2], [3], [4]])
    table = manifest(["a", "a", "b", "b"], ["ES", "ED", "ED", "ES"])
    features, _ = pool_subjects(rows, table, "mean")
    np.testing.assert_array_equal(features, [[2, 1], [3, 4]])


def test_mean_max_and_mean_std():
    rows = np.array([[0.0], [2.0]])
    np.testing.assert_array_equal(pool_subjects(rows, manifest(["a", "a"]), "mean_max")[0], [[1, 2]])
    np.testing.assert_array_equal(pool_subjects(rows, manifest(["a", "a"]), "mean_std")[0], [[1, 1]])


def test_missing_frame_names_the_subject():
    with pytest.raises(CohortError, match=r"subject b: has no images of frame ES"):
        pool_subjects(np.zeros((3, 1)), manifest(["a", "a", "b"], ["ED", "ES", "ED"]), "mean")


def test_rows_must_match_the_manifest():
    with pytest.raises(CohortError, match="2 rows of features for 1 images"):
        pool_subjects(np.zeros((2, 1)), manifest(["a"]), "mean")


@pytest.mark.parametrize("pooling", sorted(POOLINGS))
def test_an_image_with_a_class_of_its_own_is_pooled_as_the_only_one_of_a_subject(pooling):
    rows = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    table = manifest(["b", "a", "b"]).assign(image_id=["b1", "a1", "b2"])
    features, subjects, images = pool_samples(rows, table, pooling, "image")
    alone, _ = pool_subjects(rows, manifest(["x", "y", "z"]), pooling)
    np.testing.assert_array_equal(features, alone)
    assert (subjects.tolist(), images.tolist()) == (["b", "a", "b"], ["b1", "a1", "b2"])
    if pooling == "concat":
        return  # b has two images and a has one
    whole, names, none = pool_samples(rows, table, pooling)
    assert (names.tolist(), none) == (["b", "a"], None)
    np.testing.assert_array_equal(whole, pool_subjects(rows, table, pooling)[0])


def test_max():
    rows = np.array([[0.0, 5], [2, 1], [-3, -4]])
    features, ids = pool_subjects(rows, manifest(["a", "a", "b"]), "max")
    assert ids.tolist() == ["a", "b"]
    np.testing.assert_array_equal(features, [[2, 5], [-3, -4]])


def test_concat_is_in_the_order_of_slices_within_volumes_within_frames():
    rows = np.arange(16.0).reshape(8, 2)
    table = manifest(["b", "a", "b", "a", "b", "a", "b", "a"], ["ES", "ED", "ED", "ES", "ED", "ED", "ES", "ES"])
    table["volume_id"] = table["subject_id"] + table["frame"]
    table["slice"] = [10, 7, 9, 2, 3, 8, 9, 1]
    features, ids = pool_subjects(rows, table, "concat")
    assert ids.tolist() == ["b", "a"]
    # b: ED slices 3 (row 4), 9 (row 2), ES slices 9 (row 6), 10 (row 0).
    np.testing.assert_array_equal(features[0], [8, 9, 4, 5, 12, 13, 0, 1])
    # a: ED slices 7 (row 1), 8 (row 5), ES slices 1 (row 7), 2 (row 3).
    np.testing.assert_array_equal(features[1], [2, 3, 10, 11, 14, 15, 6, 7])


def test_concat_of_flat_images_is_in_the_order_of_the_manifest():
    table = manifest(["a", "b", "a", "b"]).assign(volume_id=None, slice=pd.array([None] * 4, "Int64"))
    features, _ = pool_subjects(np.array([[3.0], [1], [2], [9]]), table, "concat")
    np.testing.assert_array_equal(features, [[3, 2], [1, 9]])


def test_concat_refuses_subjects_with_another_number_of_images_and_names_one():
    table = manifest(["a", "a", "b", "c", "c"])
    with pytest.raises(CohortError, match=r"subject b has 1 images and most have 2 \(1 of 3 differ\)(.|\n)*{count"):
        check_pooling(table, "concat")
    with pytest.raises(CohortError, match="subject b has 1 images"):
        pool_subjects(np.zeros((5, 2)), table, "concat")
    frames = manifest(["a", "a", "a", "b", "b"], ["ED", "ES", "ES", "ED", "ES"])
    with pytest.raises(CohortError, match="subject a has 2 images of frame ES and most have 1"):
        check_pooling(frames, "concat")
    check_pooling(table, "max")
    check_pooling(table, "concat", "image")  # each image is alone then
