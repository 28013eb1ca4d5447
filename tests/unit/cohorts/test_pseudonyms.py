"""Salted hashes in place of patients' names: nothing that a study keeps names one, and the key says who is who."""

import re
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sixgig.cohorts.base import Rejection
from sixgig.cohorts.preparation import prepare_cohort
from sixgig.cohorts.pseudonyms import Pseudonyms
from sixgig.errors import CohortError
from sixgig.tables.cohorts import MANIFEST, PSEUDONYMS


def _prepare(root: Path, output: Path, key_table: Path | None = None) -> None:
    options = {"modalities": ["t2"], "volume": {"size": [4, 4, 4]}}
    prepare_cohort(
        "brats", root, output, image_size=16, options=options, seed=1, max_quarantine_fraction=0.5, key_table=key_table
    )


def test_nothing_that_is_kept_names_a_patient(make_brats: Callable[..., Path], tmp_path: Path) -> None:
    root = make_brats(["HGG", "LGG", "HGG"])
    bad = next(root.rglob("*003_t2.nii.gz"))
    bad.write_bytes(bad.read_bytes()[:50])
    _prepare(root, tmp_path / "plain" / "b")
    _prepare(root, tmp_path / "hidden" / "b", tmp_path / "keys" / "b.csv")
    kept = [path for path in (tmp_path / "hidden" / "b").iterdir() if path.suffix in (".csv", ".json")]
    assert len(kept) == 5
    assert not [path.name for path in kept if "Training" in path.read_text()]
    assert "Training_003" in (tmp_path / "plain" / "b" / "quarantine.csv").read_text()
    plain, hidden = (MANIFEST.read(tmp_path / name / "b" / "manifest.csv") for name in ("plain", "hidden"))
    assert hidden["image_id"].is_unique
    key = PSEUDONYMS.read(tmp_path / "keys" / "b.csv").set_index("pseudonym")["name"]
    assert hidden["subject_id"].map(key).tolist() == plain["subject_id"].tolist()
    assert hidden["source"].map(key).tolist() == plain["source"].tolist()
    same = ["label", "slice", "partition"]
    assert hidden[same].equals(plain[same])
    assert hidden.groupby("volume_id")["subject_id"].nunique().eq(1).all()
    assert hidden["image_id"].str.replace(r".*_z", "", regex=True).astype(int).tolist() == hidden["slice"].tolist()
    arrays = [np.load(tmp_path / name / "b" / "volumes.npy") for name in ("plain", "hidden")]
    assert np.array_equal(*arrays)


def test_the_same_salt_gives_the_same_name_and_another_does_not(tmp_path: Path) -> None:
    first = Pseudonyms(tmp_path / "a" / "one.csv").subject("MRN 1234567")
    assert re.fullmatch("s-[a-z2-7]{10}", first)
    assert Pseudonyms(tmp_path / "a" / "two.csv").subject("MRN 1234567") == first
    assert Pseudonyms(tmp_path / "b" / "one.csv").subject("MRN 1234567") != first


def test_only_the_owner_may_read_the_key(tmp_path: Path) -> None:
    names = Pseudonyms(tmp_path / "keys" / "c.csv")
    names.subject("p1")
    names.write()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert {modes["salt"], modes["c.csv"]} == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_damaged_salt_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "salt").write_bytes(b"short")
    with pytest.raises(CohortError, match="holds 5 bytes, not 32"):
        Pseudonyms(tmp_path / "c.csv")


def test_images_of_one_subject_are_counted(tmp_path: Path) -> None:
    names = Pseudonyms(tmp_path / "c.csv")
    place = dict.fromkeys(("volume_id", "frame", "slice", "partition"))
    rows = [
        {"image_id": f"a__{who}_{n}.png", "subject_id": who, "source": f"a/{who}_{n}.png", **place}
        for who, n in (("Ann", 0), ("Bob", 0), ("Ann", 1))
    ]
    ann, bob = names.subject("Ann"), names.subject("Bob")
    assert [row["image_id"] for row in names.manifest_rows(rows)] == [f"{ann}_1", f"{bob}_1", f"{ann}_2"]


def test_words_and_numbers_that_are_names_too_stay(tmp_path: Path) -> None:
    names = Pseudonyms(tmp_path / "c.csv")
    said = "its SpacingBetweenSlices is 5 mm, and its CT slices lie 3 mm apart, beside 3/CT/b.dcm"
    (hidden,) = names.rejections([Rejection("3/CT/a.dcm", "3", said)])
    assert hidden.reason.startswith("its SpacingBetweenSlices is 5 mm, and its CT slices lie 3 mm apart, beside ")
    assert {"3", "CT"}.isdisjoint(hidden.reason.rpartition("beside ")[2].split("/"))
    (hidden,) = names.rejections([Rejection("Ann/a.dcm", "Ann", "the scan of Ann, who is Anna's sister")])
    assert hidden.reason.endswith("who is Anna's sister")
    assert "Ann," not in hidden.reason


def test_a_reason_that_repeats_the_name_is_changed_too(tmp_path: Path) -> None:
    names = Pseudonyms(tmp_path / "c.csv")
    row = Rejection("Ann Lee/t1.nii", "Ann Lee", "t1.nii of Ann Lee lies 9.0 mm from it")
    (hidden,) = names.rejections([row])
    assert "Ann" not in f"{hidden}"
    assert "lies 9.0 mm from it" in hidden.reason
