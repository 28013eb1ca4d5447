"""Subjects whose images are of several classes: whole in one role and one fold, classes evened out."""

import numpy as np
import pandas as pd
import pytest

from sixgig.errors import CohortError, LeakageError
from sixgig.evaluation.leakage import check_leakage
from sixgig.evaluation.splits import check_splits, make_splits, subject_labels
from sixgig.tables.cohorts import MANIFEST

SETTINGS = {"folds": 4, "repeats": 2, "pretraining_fraction": 0.25, "scope": "inductive", "seed": 3}


def manifest(classes_of):
    """Rows of a manifest; ``classes_of`` maps a subject to the classes of its images (None: unknown)."""
    rows = [
        {"image_id": f"{subject}_{number}", "subject_id": subject, "label": label, "source": f"{subject}_{number}.png"}
        for subject, labels in classes_of.items()
        for number, label in enumerate(labels)
    ]
    nothing = dict.fromkeys(("volume_id", "frame", "slice", "partition"))
    return MANIFEST.check(pd.DataFrame([row | nothing for row in rows]), "manifest")


@pytest.fixture(scope="module")
def isic():
    """48 patients with 1 to 5 images; every third has a malignant one, and one patient has no class."""
    rng = np.random.default_rng(0)
    found = {
        f"IP_{patient:02d}": ["malignant"] * (patient % 3 == 0) + ["benign"] * int(rng.integers(1, 6))
        for patient in range(48)
    }
    return manifest(found | {"IP_99": [None, None]})


def test_the_class_of_a_subject_names_those_of_its_images():
    table = manifest({"b": ["y", "x", None], "a": ["x", "x"], "c": [None]})
    assert subject_labels(table, "image") == {"a": "x", "b": "x + y", "c": None}
    with pytest.raises(CohortError, match="subject b: has several labels"):
        subject_labels(table)


def test_a_class_whose_name_looks_like_two_is_refused():
    with pytest.raises(CohortError, match=r"class 'x \+ y': holds ' \+ '(.|\n)*rename the class with `classes`"):
        subject_labels(manifest({"a": ["x + y"]}), "image")


def test_subjects_stay_whole_and_every_fold_tests_and_trains_on_every_class(isic):
    splits = make_splits(isic, labels_of="image", **SETTINGS)
    assert splits.groupby("subject_id")["role"].nunique().max() == 1
    assert not splits.duplicated(["subject_id", "repeat"]).any()
    assert splits.loc[splits["subject_id"] == "IP_99", "role"].tolist() == ["pretraining"]
    rows = splits[splits["role"] == "evaluation"].merge(isic[["subject_id", "image_id", "label"]], on="subject_id")
    for _, own in rows.groupby(["repeat", "fold"]):
        assert set(own["label_y"]) == {"benign", "malignant"}
    per_fold = rows.groupby(["repeat", "fold"])["label_y"].value_counts().unstack()
    assert (per_fold["malignant"] == 3).all()  # 12 of 16, dealt into 4
    assert np.ptp(per_fold["benign"]) <= 2
    first, second = (rows[rows["repeat"] == repeat].set_index("image_id")["fold"] for repeat in (0, 1))
    assert (first != second[first.index]).any()
    check_splits(splits, isic, "image")


def test_roles_have_their_share_of_both_classes(isic):
    splits = make_splits(isic, labels_of="image", **SETTINGS)
    learned = set(splits.loc[splits["role"] == "pretraining", "subject_id"]) - {"IP_99"}
    share = isic[isic["label"].notna()].groupby("label")["subject_id"].agg(lambda own: own.isin(learned).mean())
    assert share["malignant"] == 0.25
    assert share["benign"] == pytest.approx(0.25, abs=0.02)


def test_order_of_the_rows_does_not_matter(isic):
    shuffled = isic.sample(frac=1, random_state=5)
    one, other = (make_splits(table, labels_of="image", **SETTINGS) for table in (isic, shuffled))
    pd.testing.assert_frame_equal(one, other)


def test_with_one_image_a_subject_splits_are_those_of_subjects():
    table = manifest({f"s{number:02d}": [("a", "b", "c")[number % 3]] for number in range(40)} | {"u": [None]})
    pd.testing.assert_frame_equal(make_splits(table, labels_of="image", **SETTINGS), make_splits(table, **SETTINGS))


def test_a_class_that_too_few_subjects_hold_is_named(isic):
    few = isic[(isic["label"] != "malignant") | isic["subject_id"].isin(["IP_00", "IP_03", "IP_06", "IP_09"])]
    expected = r"class 'malignant': is held by 3 evaluation subjects \(and 1 for pretraining\)(.|\n)*at most 3"
    with pytest.raises(CohortError, match=expected):
        make_splits(few, labels_of="image", **SETTINGS)


def test_no_possible_deal_is_an_error():
    """Each subject lacks one of four classes; of three folds two hold one subject each, and so lack its class."""
    table = manifest({lacking: [name for name in "wxyz" if name != lacking] for lacking in "wxyz"})
    settings = SETTINGS | {"folds": 3, "pretraining_fraction": 0.0}
    with pytest.raises(CohortError, match="no way was found to deal 4 subjects into 3 folds(.|\n)*splits_file"):
        make_splits(table, labels_of="image", **settings)


def test_own_splits_have_to_train_on_the_class_of_every_image():
    table = manifest({"a": ["x", "y"], "b": ["x"], "c": ["x"]})
    rows = [("a", "x + y", 0), ("b", "x", 1), ("c", "x", 1)]
    own = pd.DataFrame(
        [
            {"subject_id": name, "label": label, "role": "evaluation", "repeat": 0, "fold": fold}
            for name, label, fold in rows
        ]
    )
    with pytest.raises(CohortError, match="all subjects of class y are in fold 0"):
        check_splits(own, table, "image")


def test_the_gate_lets_several_classes_pass_and_still_looks_for_copies():
    table = manifest({f"s{number}": ["x", "y"] for number in range(8)})
    splits = make_splits(table, labels_of="image", **SETTINGS | {"folds": 2, "repeats": 1})
    images = np.random.default_rng(0).integers(0, 255, (16, 4, 4, 3)).astype(np.uint8)
    assert check_leakage(table, splits, images, "image")["passed"]
    with pytest.raises(CohortError, match="several labels"):
        check_leakage(table, splits, images)
    evaluated = splits[splits["role"] == "evaluation"].drop_duplicates("fold")["subject_id"].tolist()
    rows = [table.index[table["subject_id"] == name][0] for name in evaluated]
    images[rows[1]] = images[rows[0]]
    with pytest.raises(LeakageError, match="1 groups of identical images"):
        check_leakage(table, splits, images, "image")
