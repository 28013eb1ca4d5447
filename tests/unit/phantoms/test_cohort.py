"""Registry, layout, determinism, resuming and refusals of both simulated cohorts."""

from __future__ import annotations

import csv
import functools
import hashlib
import re
import shutil
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import pytest

from sixgig.errors import ConfigError
from sixgig.phantoms.marker import is_phantom
from sixgig.phantoms.writing import write_phantom

BRATS = functools.partial(write_phantom, "brats", shape=(32, 32, 24), spacing=6.0, seed=5)
ACDC = functools.partial(write_phantom, "acdc", shape=(40, 36, 10), spacing=4.0, seed=5, frames=8)


def _digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def brats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("brats")
    BRATS(root, subjects=10)
    return root


@pytest.fixture(scope="module")
def acdc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("acdc")
    ACDC(root, subjects=10)
    return root


def test_brats_layout_is_that_of_brats_2020(brats: Path) -> None:
    folder = brats / "MICCAI_BraTS2020_TrainingData"
    assert [entry.name for entry in brats.iterdir()] == [folder.name]
    subjects = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    assert subjects == [f"BraTS20_Training_{n:03d}" for n in range(1, 11)]
    for name in subjects:
        files = sorted(path.name for path in (folder / name).iterdir())
        assert files == sorted(f"{name}_{kind}.nii.gz" for kind in ("flair", "t1", "t1ce", "t2", "seg"))


def test_brats_tables(brats: Path) -> None:
    folder = brats / "MICCAI_BraTS2020_TrainingData"
    lines = (folder / "name_mapping.csv").read_text().splitlines()
    assert lines[0] == (
        "Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,"
        "BraTS_2019_subject_ID,BraTS_2020_subject_ID"
    )
    rows = list(csv.DictReader(lines))
    assert [row["BraTS_2020_subject_ID"] for row in rows] == [f"BraTS20_Training_{n:03d}" for n in range(1, 11)]
    assert Counter(row["Grade"] for row in rows) == {"HGG": 6, "LGG": 4}
    survival = (folder / "survival_info.csv").read_text().splitlines()
    assert survival[0] == "Brats20ID,Age,Survival_days,Extent_of_Resection"
    graded = {row["BraTS_2020_subject_ID"]: row["Grade"] for row in rows}
    assert all(graded[line.split(",")[0]] == "HGG" for line in survival[1:])
    assert len(survival) == 7


def test_brats_images(brats: Path) -> None:
    folder = brats / "MICCAI_BraTS2020_TrainingData"
    seen: set[int] = set()
    for path in sorted(folder.glob("*/*_seg.nii.gz")):
        seg = nibabel.load(path)
        labels = np.asarray(seg.dataobj)
        seen |= set(np.unique(labels).tolist())
        assert seg.get_data_dtype() == np.int16
        expected = np.diag([-6.0, -6.0, 6.0, 1.0])
        expected[1, 3] = 31 * 6.0
        np.testing.assert_allclose(seg.affine, expected)
        for modality in ("flair", "t1", "t1ce", "t2"):
            image = nibabel.load(str(path).replace("_seg", f"_{modality}"))
            values = np.asarray(image.dataobj)
            assert image.get_data_dtype() == np.int16
            assert image.shape == (32, 32, 24)
            np.testing.assert_allclose(image.header.get_zooms(), (6.0, 6.0, 6.0))
            assert values.min() == 0
            assert (values[labels > 0] > 0).all()
            edge = np.ones(values.shape, bool)
            edge[1:-1, 1:-1] = False
            assert not values[edge].any()  # skull-stripped: no brain at the sides of the field of view
            assert 0.12 < (values > 0).mean() < 0.5
    assert seen == {0, 1, 2, 4}


def test_acdc_layout_is_that_of_acdc(acdc: Path) -> None:
    folder = acdc / "training"
    subjects = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    assert subjects == [f"patient{n:03d}" for n in range(1, 11)]
    groups = Counter()
    for name in subjects:
        text = (folder / name / "Info.cfg").read_text()
        pattern = (
            r"ED: 1\nES: (\d+)\nGroup: (NOR|MINF|DCM|HCM|RV)\nHeight: \d{3}\.\d\nNbFrame: 8\nWeight: \d{2,3}\.\d\n"
        )
        match = re.fullmatch(pattern, text)
        assert match is not None, text
        groups[match[2]] += 1
        systole = int(match[1])
        stems = ["4d", "frame01", "frame01_gt", f"frame{systole:02d}", f"frame{systole:02d}_gt"]
        files = sorted(path.name for path in (folder / name).iterdir())
        assert files == sorted(["Info.cfg", *(f"{name}_{stem}.nii.gz" for stem in stems)])
        cine = nibabel.load(folder / name / f"{name}_4d.nii.gz")
        assert cine.shape == (40, 36, 10, 8)
        assert cine.get_data_dtype() == np.int16
        assert cine.header.get_zooms()[:2] == (4.0, 4.0)
        assert 8.0 <= cine.header.get_zooms()[2] <= 10.0
        assert 0.05 < cine.header.get_zooms()[3] < 0.2
        for frame in (1, systole):
            image = nibabel.load(folder / name / f"{name}_frame{frame:02d}.nii.gz")
            labels = nibabel.load(folder / name / f"{name}_frame{frame:02d}_gt.nii.gz")
            np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(cine.dataobj)[..., frame - 1])
            np.testing.assert_allclose(labels.affine, image.affine)
            assert labels.get_data_dtype() == np.uint8
            assert set(np.unique(np.asarray(labels.dataobj)).tolist()) == {0, 1, 2, 3}
    assert groups == dict.fromkeys(("NOR", "MINF", "DCM", "HCM", "RV"), 2)


@pytest.mark.parametrize(("write", "fixture"), [(BRATS, "brats"), (ACDC, "acdc")], ids=["brats", "acdc"])
def test_content_depends_on_seed_and_index_only(
    write: functools.partial[None], fixture: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    reference = _digests(request.getfixturevalue(fixture))
    write(tmp_path / "parallel", subjects=10, workers=2)
    assert _digests(tmp_path / "parallel") == reference
    write(tmp_path / "fewer", subjects=6)
    fewer = {name: value for name, value in _digests(tmp_path / "fewer").items() if not name.endswith(".csv")}
    assert fewer.items() <= reference.items()
    write(tmp_path / "other", subjects=6, seed=6)
    images = {name for name in fewer if name.endswith(".nii.gz")}
    other = _digests(tmp_path / "other")
    assert not [name for name in images if other.get(name) == fewer[name]]


def test_killed_run_resumes_with_the_missing_subjects_only(tmp_path: Path) -> None:
    BRATS(tmp_path, subjects=5)
    before = _digests(tmp_path)
    folder = tmp_path / "MICCAI_BraTS2020_TrainingData"
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*/*.nii.gz")}
    for path in (folder / "BraTS20_Training_003").iterdir():
        path.unlink()
    (folder / "BraTS20_Training_003").rmdir()
    half_written = folder / ".partial-left-by-a-kill"
    half_written.mkdir()
    (half_written / "BraTS20_Training_003_t1.nii.gz").write_bytes(b"half")
    calls: list[int] = []
    BRATS(tmp_path, subjects=5, progress=calls.append)
    assert calls == [4, 1]
    assert _digests(tmp_path) == before
    rewritten = {path.parent.name for path, time in times.items() if path.stat().st_mtime_ns != time}
    assert rewritten == {"BraTS20_Training_003"}


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_counts_every_subject(tmp_path: Path, workers: int) -> None:
    calls: list[int] = []
    ACDC(tmp_path, subjects=5, workers=workers, progress=calls.append)
    assert calls == [1] * 5


def test_subjects_written_with_other_values_are_replaced(tmp_path: Path) -> None:
    ACDC(tmp_path / "a", subjects=7, seed=1)
    ACDC(tmp_path / "a", subjects=5, seed=2)
    ACDC(tmp_path / "b", subjects=5, seed=2)
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b")


def test_folder_with_a_real_cohort_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "training" / "patient001" / "Info.cfg"
    precious.parent.mkdir(parents=True)
    precious.write_text("ED: 1\n")
    with pytest.raises(ConfigError, match="holds 1 folders named patient"):
        ACDC(tmp_path, subjects=5)
    assert precious.read_text() == "ED: 1\n"


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("ct", {}, "no phantom of kind 'ct'"),
        ("brats", {"shape": (241, 240, 155), "spacing": 1.0}, "larger than BraTS's 240 x 240 x 155"),
        ("brats", {"shape": (240, 240, 156), "spacing": 1.0}, "larger than BraTS's"),
        ("brats", {"shape": (24, 32, 24)}, "a brain needs 150 x 184 x 124 mm"),
        ("brats", {"shape": (12, 12, 10), "spacing": 16.0}, "spacing of at most 10 mm"),
        ("brats", {"subjects": 4}, "subjects is 4, fewer than 5"),
        ("brats", {"spacing": 0.0}, "is not a volume"),
        ("brats", {"workers": 0}, "workers is 0"),
        ("acdc", {"shape": (40, 40, 10), "spacing": 2.0}, "covers 80 mm; a heart needs 130 mm"),
        ("acdc", {"shape": (40, 40, 6), "spacing": 4.0}, "use 10 to 24 slices"),
        ("acdc", {"shape": (40, 40, 10), "spacing": 4.0, "subjects": 3}, "fewer than the 5 groups"),
        ("acdc", {"shape": (40, 40, 10), "spacing": 4.0, "frames": 2}, "frames is 2"),
    ],
)
def test_impossible_values_are_refused(tmp_path: Path, kind: str, change: dict[str, object], message: str) -> None:
    values: dict[str, object] = {"subjects": 5, "shape": (32, 32, 24), "spacing": 6.0, "seed": 0}
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        write_phantom(kind, tmp_path / "cohort", **(values | change))  # type: ignore[arg-type]
    assert "Next step: " in str(caught.value)
    assert not (tmp_path / "cohort").exists()


def test_a_folder_that_sixgig_wrote_is_known_wherever_it_lies(brats: Path, acdc: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(acdc, tmp_path / "elsewhere"))
    (subjects,) = [path for path in copy.iterdir() if path.is_dir()]
    assert [is_phantom(place) for place in (brats, acdc, copy, subjects)] == [True] * 4
    (real,) = subjects.glob(".*.json")
    real.unlink()
    assert [is_phantom(place) for place in (copy, subjects, tmp_path / "nowhere", Path(__file__))] == [False] * 4
