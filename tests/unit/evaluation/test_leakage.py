from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sixgig.errors import CohortError, LeakageError
from sixgig.evaluation.leakage import check_leakage
from sixgig.tables.cohorts import MANIFEST, SPLITS

#: subject -> role and (repeat, fold) pairs; e1 and e2 always share a fold, e1 and e3 only in repeat 0.
PLACES: dict[str, list[tuple[int | None, int | None]]] = {
    "p1": [(None, None)],
    "p2": [(None, None)],
    "e1": [(0, 0), (1, 0)],
    "e2": [(0, 0), (1, 0)],
    "e3": [(0, 0), (1, 1)],
    "e4": [(0, 1), (1, 1)],
}


def _study() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Two images of each subject, all different."""
    rows = [
        {"image_id": f"{subject}_{i}", "subject_id": subject, "label": "a", "source": "f"}
        for subject in PLACES
        for i in range(2)
    ]
    manifest = MANIFEST.check(pd.DataFrame(rows, columns=MANIFEST.column_names), "manifest")
    places = [
        (subject, "a", "pretraining" if repeat is None else "evaluation", repeat, fold)
        for subject, folds in PLACES.items()
        for repeat, fold in folds
    ]
    splits = SPLITS.check(pd.DataFrame(places, columns=SPLITS.column_names), "splits")
    images = np.random.default_rng(0).integers(0, 255, (len(manifest), 4, 4, 3), dtype=np.uint8)
    return manifest, splits, images


def _copy(images: np.ndarray, manifest: pd.DataFrame, source: str, target: str) -> None:
    names = manifest["image_id"].tolist()
    images[names.index(target)] = images[names.index(source)]


def test_a_clean_study_passes() -> None:
    assert check_leakage(*_study()) == {
        "passed": True,
        "n_subjects": 6,
        "n_images": 12,
        "n_blank_images": 0,
        "n_flat_images": 0,
        "duplicates_within_subject": [],
        "duplicates_within_fold": [],
        "near_copies_within_fold": [],
        "near_copies_across": [],
    }


@pytest.mark.parametrize(
    ("source", "target", "key"),
    [
        ("e1_0", "e1_1", "duplicates_within_subject"),
        ("p1_0", "p2_1", "duplicates_within_fold"),
        ("e1_0", "e2_0", "duplicates_within_fold"),
    ],
)
def test_harmless_copies_are_reported(source: str, target: str, key: str) -> None:
    manifest, splits, images = _study()
    _copy(images, manifest, source, target)
    facts = check_leakage(manifest, splits, images)
    assert facts[key] == [[source, target]]
    assert sum(len(facts[name]) for name in facts if name.startswith("duplicates")) == 1


@pytest.mark.parametrize(("source", "target"), [("p1_0", "e1_0"), ("e1_0", "e4_1"), ("e1_1", "e3_0")])
def test_copies_on_two_sides_fail(source: str, target: str) -> None:
    manifest, splits, images = _study()
    _copy(images, manifest, source, target)
    with pytest.raises(LeakageError) as caught:
        check_leakage(manifest, splits, images)
    message = str(caught.value)
    assert "1 groups of identical images" in message
    assert f"{source} (subject {source[:2]}) = {target} (subject {target[:2]})" in message
    assert "Next step: set `duplicates` of this cohort in the study file to group" in message


def test_copies_with_other_labels_fail() -> None:
    manifest, splits, images = _study()
    _copy(images, manifest, "p1_0", "p2_1")
    manifest.loc[manifest["subject_id"] == "p2", "label"] = "b"
    with pytest.raises(CohortError) as caught:
        check_leakage(manifest, splits, images)
    message = str(caught.value)
    assert "1 groups of identical images have different labels: p1_0 (a) = p2_1 (b)" in message
    assert "set `duplicates` of this cohort to drop or group" in message


@pytest.mark.parametrize(
    ("target", "key", "passed"),
    [("p2_0", "near_copies_within_fold", True), ("e1_0", "near_copies_across", False)],
)
def test_near_copies_never_pass_on_two_sides(
    target: str, key: str, passed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    manifest, splits, images = _study()
    _copy(images, manifest, "p1_0", target)
    place = manifest["image_id"].tolist().index(target)
    images[place] = np.clip(np.fliplr(images[place]).astype(int) + 3, 0, 255)
    facts = check_leakage(manifest, splits, images)
    assert (facts["passed"], facts[key]) == (passed, [["p1_0", target]])
    assert len(facts["near_copies_within_fold"] + facts["near_copies_across"]) == 1
    if passed:
        assert not caplog.records
        return
    found = "1 groups of near copies lie in different roles or folds"
    assert f"{found}: {target} (subject e1) is p1_0 (subject p1) mirrored left-right, r = 1.000" in caplog.text
    assert "set `duplicates` of this cohort to group" in caplog.text
    for policy in ("group", "drop"):
        with pytest.raises(LeakageError, match=found):
            check_leakage(manifest, splits, images, duplicates=policy)


def _volumes() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Every subject's two images are slices of one volume."""
    manifest, splits, images = _study()
    manifest["volume_id"] = manifest["subject_id"] + "_v"
    manifest["slice"] = pd.array([0, 1] * 6, dtype="Int64")
    return manifest, splits, images


def test_volumes_have_names_and_rows_of_their_own() -> None:
    manifest, splits, images = _volumes()
    assert check_leakage(manifest, splits, images, n_volumes=6)["passed"]
    assert check_leakage(manifest, splits, images, n_volumes=0)["passed"]  # the study keeps none
    with pytest.raises(LeakageError, match="has 7 volumes, the manifest names 6"):
        check_leakage(manifest, splits, images, n_volumes=7)


def _shared_name(manifest: pd.DataFrame) -> None:
    """Subject P1 has two scans, P1_1 and P1_2, and subject P1_1 has one: its first scan is P1_1 too."""
    manifest.loc[manifest["subject_id"] == "e2", "volume_id"] = "e1_v"


def _torn(manifest: pd.DataFrame) -> None:
    manifest.loc[:3, ["subject_id", "volume_id"]] = [["p1", "p1_v"], ["p1", "w"], ["p1", "p1_v"], ["p1", "w"]]


def _same_slice(manifest: pd.DataFrame) -> None:
    manifest.loc[1, "slice"] = 0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_shared_name, "volume e1_v belongs to several subjects: e1, e2"),
        (
            _torn,
            "the slices of volume p1_v do not follow each other|the slices of volume p2_v do not follow each other",
        ),
        (_same_slice, "volume p1_v has slice 0 twice: two volumes have this name"),
    ],
)
def test_names_of_volumes_that_collide_fail(spoil: object, message: str) -> None:
    manifest, splits, images = _volumes()
    spoil(manifest)  # type: ignore[operator]
    with pytest.raises(LeakageError, match=message):
        check_leakage(manifest, splits, images, n_volumes=6)


def test_blank_images_are_counted_and_not_compared() -> None:
    manifest, splits, images = _study()
    images[[0, 5, 11]] = 0
    assert check_leakage(manifest, splits, images)["n_blank_images"] == 3


def test_a_memory_map_larger_than_one_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, splits, images = _study()
    _copy(images, manifest, "p1_0", "e4_1")
    np.save(tmp_path / "images.npy", images)
    monkeypatch.setattr("sixgig.cohorts.looks._RELEASE_BYTES", 60)
    with pytest.raises(LeakageError, match=r"p1_0 .* = e4_1"):
        check_leakage(manifest, splits, np.load(tmp_path / "images.npy", mmap_mode="r"))


def _two_roles(manifest: pd.DataFrame, splits: pd.DataFrame) -> None:
    splits.loc[len(splits)] = ["e1", "a", "pretraining", pd.NA, pd.NA]


def _two_folds(manifest: pd.DataFrame, splits: pd.DataFrame) -> None:
    splits.loc[len(splits)] = ["e1", "a", "evaluation", 0, 1]


def _no_role(manifest: pd.DataFrame, splits: pd.DataFrame) -> None:
    splits.drop(splits.index[splits["subject_id"] == "p2"], inplace=True)


def _two_labels(manifest: pd.DataFrame, splits: pd.DataFrame) -> None:
    manifest.loc[0, "label"] = "b"


def _same_id(manifest: pd.DataFrame, splits: pd.DataFrame) -> None:
    manifest.loc[0, "image_id"] = "p1_1"


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (_two_roles, LeakageError, "subjects have two roles: e1"),
        (_two_folds, LeakageError, r"subjects are in two folds \(or twice in one\) within a repeat: e1"),
        (_no_role, LeakageError, "subjects have no role: p2"),
        (_two_labels, CohortError, "subject p1: has several labels: a, b"),
        (_same_id, LeakageError, "image_id is not unique: p1_1"),
    ],
)
def test_subjects_on_two_sides(spoil: object, kind: type[Exception], message: str) -> None:
    manifest, splits, images = _study()
    spoil(manifest, splits)  # type: ignore[operator]
    with pytest.raises(kind, match=message):
        check_leakage(manifest, splits, images)


def test_images_and_manifest_have_to_match() -> None:
    manifest, splits, images = _study()
    with pytest.raises(LeakageError, match="has 11 images, the manifest 12 rows"):
        check_leakage(manifest, splits, images[1:])
