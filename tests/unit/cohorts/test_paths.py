"""Files that a table names in another way than the disk."""

import unicodedata
from pathlib import Path

import pytest

from sixgig.cohorts.paths import FileFinder

NFC, NFD = (unicodedata.normalize(form, "M\u00fcller") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("there", "written"),
    [("a/b.nii", "a/b.nii"), ("a/b.nii", "a\\b.nii"), ("a/b.nii", "./a/b.nii"),
     (f"{NFD}/{NFD}.nii", f"{NFC}/{NFC}.nii"), (f"{NFC}/x.nii", f"{NFD}\\x.nii")],
)  # fmt: skip
def test_found(tmp_path: Path, there: str, written: str) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("x")
    found = FileFinder(tmp_path).find(written)
    assert found is not None
    assert (tmp_path / found).resolve() == (tmp_path / there).resolve()
    if written == there:
        assert found == written


@pytest.mark.parametrize(
    ("written", "why"),
    [("C:\\data\\a.nii", "is a path of another machine"), ("A/B.NII", "there is a/b.nii, which differs by case"),
     ("c.nii", "c.nii does not exist"), ("a", "a is a folder"), ("x\0y", "does not exist")],
)  # fmt: skip
def test_not_found(tmp_path: Path, written: str, why: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.nii").write_text("x")
    finder = FileFinder(tmp_path)
    assert finder.find(written) is None
    assert why in finder.why_not(written)
