import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sixgig.cohorts.preparation import prepare_cohort
from sixgig.errors import CohortError, ConfigError
from sixgig.runtime.atomic import read_json
from sixgig.tables.cohorts import COPIES, MANIFEST, QUARANTINE
from tests.unit.cohorts.tiny_copies import scenes


def _prepare(adapter: str, root: Path, output: Path, options: dict[str, Any] | None = None, **more: Any) -> None:
    arguments = {"image_size": 16, "seed": 5, "max_quarantine_fraction": 0.3} | more
    prepare_cohort(adapter, root, output, options=options or {}, **arguments)


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_images_of_a_2d_cohort(make_elpv: Callable[..., Path], tmp_path: Path) -> None:
    stanza = {"adapter": "elpv", "source": {}, "title": "Cells", "partitions": 4, "modalities": None}
    _prepare("elpv", make_elpv([1, 0, 0, 1], size=16), tmp_path / "cells", stanza)
    manifest = MANIFEST.read(tmp_path / "cells" / "manifest.csv")
    images = np.load(tmp_path / "cells" / "images.npy")
    assert manifest["label"].tolist() == ["defect", "functional", "functional", "defect"]
    assert manifest[["volume_id", "frame", "slice", "partition"]].isna().all(axis=None)
    expected = np.random.default_rng(3).integers(0, 256, (16, 16), dtype=np.uint8)
    assert np.array_equal(images[2], np.stack([expected] * 3, axis=2))
    facts = read_json(tmp_path / "cells" / "cohort.json")
    assert facts["classes"] == {"defect": 2, "functional": 2}
    assert facts["subject_note"] == "image-level split: no subject ids exist"
    assert facts["bytes"] == images.nbytes
    assert not facts["simulated"]
    written = [
        "cohort.json",
        "copies.csv",
        "images.npy",
        "manifest.csv",
        "quarantine.csv",
        "remarks.csv",
        "volumes.npy",
    ]
    assert sorted(_digests(tmp_path / "cells")) == written
    assert len(np.load(tmp_path / "cells" / "volumes.npy")) == 0
    assert QUARANTINE.read(tmp_path / "cells" / "quarantine.csv").empty


def test_files_of_a_3d_cohort(make_brats: Callable[..., Path], tmp_path: Path) -> None:
    options = {"modalities": ["flair", "t1ce", "t2"], "slices": {"count": 4}, "volume": {"size": [6, 8, 10]}}
    _prepare("brats", make_brats(["HGG", "LGG", None]), tmp_path / "b", options, simulated=True)
    manifest = MANIFEST.read(tmp_path / "b" / "manifest.csv")
    assert len(manifest) == 12
    assert manifest["partition"].tolist() == [0, 1, 2, 3] * 3
    assert manifest["label"].fillna("?").tolist() == ["HGG"] * 4 + ["LGG"] * 4 + ["?"] * 4
    assert manifest["image_id"].is_unique
    # 20 axial voxels, of which the ellipsoid fills 2 to 17.
    assert manifest["slice"].iloc[:4].tolist() == [4, 8, 12, 16]
    volumes = np.load(tmp_path / "b" / "volumes.npy")
    assert volumes.shape == (3, 6, 8, 10, 3)
    assert volumes.dtype == np.float16
    images = np.load(tmp_path / "b" / "images.npy", mmap_mode="r")
    assert images.shape == (12, 16, 16, 3)
    assert len({images[i].tobytes() for i in range(12)}) == 12
    facts = read_json(tmp_path / "b" / "cohort.json")
    assert facts["simulated"]
    assert (facts["n_subjects"], facts["n_unlabelled"], facts["n_volumes"]) == (3, 1, 3)
    assert facts["bytes"] == images.nbytes + volumes.nbytes


def test_volumes_follow_the_manifest_and_frames_are_kept(make_acdc: Callable[..., Path], tmp_path: Path) -> None:
    options = {"slices": {"every": 2}, "volume": {"size": [6, 24, 20]}}
    _prepare("acdc", make_acdc(["NOR", "DCM"]), tmp_path / "a", options, image_size=24)
    manifest = MANIFEST.read(tmp_path / "a" / "manifest.csv")
    volume_ids = list(dict.fromkeys(manifest["volume_id"]))
    assert volume_ids == ["patient001_ED", "patient001_ES", "patient002_ED", "patient002_ES"]
    assert manifest["frame"].tolist() == (["ED"] * 3 + ["ES"] * 3) * 2
    images, volumes = (np.load(tmp_path / "a" / f"{name}.npy") for name in ("images", "volumes"))
    assert (images == images[..., :1]).all()
    # Without resizing, a slice of the volume is the picture of that slice.
    for row, volume_id, index in zip(images, manifest["volume_id"], manifest["slice"], strict=True):
        plane = volumes[volume_ids.index(volume_id), index, :, :, 0].astype(float) * 255
        assert np.abs(row[:, 2:-2, 0] - plane).max() < 1


def test_the_result_depends_neither_on_workers_nor_on_the_run(make_brats: Callable[..., Path], tmp_path: Path) -> None:
    root = make_brats(["HGG", "LGG", "HGG", "LGG", "HGG"])
    options = {"modalities": ["t2"], "slices": "all", "volume": {"size": [4, 4, 4]}, "limit": 4}
    for run, workers in (("1", 1), ("2", 1), ("3", 2)):
        _prepare("brats", root, tmp_path / run / "b", options, workers=workers)
    assert _digests(tmp_path / "1" / "b") == _digests(tmp_path / "2" / "b") == _digests(tmp_path / "3" / "b")


def _official_folder(root: Path, pictures: dict[str, np.ndarray]) -> Path:
    for name, picture in pictures.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(picture)).save(root / f"{name}.png")
    return root


def test_limit_leaves_an_official_test_set_whole(tmp_path: Path) -> None:
    own = scenes(30)
    names = [f"{part}/{label}/{i}" for part, n in (("Training", 9), ("Testing", 6)) for label in "ab" for i in range(n)]
    root = _official_folder(tmp_path / "raw", dict(zip(names, own, strict=True)))
    counts = {}
    for held_out in (True, False):
        options = {"limit": 6, "official_splits": held_out}
        _prepare("image_folder", root, tmp_path / str(held_out), options)
        manifest = MANIFEST.read(tmp_path / str(held_out) / "manifest.csv")
        counts[held_out] = manifest.groupby(["official", "label"]).size().to_dict()
    whole = {("test", "a"): 6, ("test", "b"): 6, ("training", "a"): 3, ("training", "b"): 3}
    assert counts[True] == whole
    assert sum(counts[False].values()) == 6


def test_copies_leave_the_arrays_too(tmp_path: Path) -> None:
    own = list(scenes(8, side=16))
    names = [f"{part}/{label}/{i}" for part in ("Training", "Testing") for label in "ab" for i in range(2)]
    own[4], own[3] = own[0], np.fliplr(own[6])  # an identical copy of Training/a/0, and a near one, are tested
    root = _official_folder(tmp_path / "raw", dict(zip(names, own, strict=True)))
    out = tmp_path / "mine"
    _prepare("image_folder", root, out, {"official_splits": True})
    assert len(np.load(out / "images.npy")) == 8  # the gate stops such a study
    _prepare("image_folder", root, out, {"official_splits": True, "duplicates": "drop"})
    manifest, images = MANIFEST.read(out / "manifest.csv"), np.load(out / "images.npy")
    # Testing comes first in the folder.
    assert manifest["source"].str.removesuffix(".png").tolist() == [*sorted(names)[:4], "Training/a/1", "Training/b/0"]
    assert all(np.array_equal(images[4 + i, ..., 0], own[1 + i]) for i in range(2))
    table = COPIES.read(out / "copies.csv").set_index("image_id")
    assert table.loc["Training__a__0.png", ["kind", "action"]].tolist() == ["identical", "dropped"]
    near = table.loc["Training__b__1.png", ["kind", "orientation", "action"]]
    assert near.tolist() == ["near", "mirrored left-right", "dropped"]
    facts = read_json(out / "cohort.json")
    assert (facts["n_images"], facts["copies"]["dropped"]) == (6, 2)


def test_a_volume_that_is_a_copy_leaves_with_its_subject(make_brats: Callable[..., Path], tmp_path: Path) -> None:
    root = make_brats(["HGG", "LGG", "HGG"])
    folders = sorted(path for path in root.rglob("BraTS20_Training_*") if path.is_dir())
    for path in folders[2].iterdir():
        shutil.copy(folders[0] / path.name.replace(folders[2].name, folders[0].name), path)
    options = {"modalities": ["flair"], "slices": {"count": 4}, "volume": {"size": [6, 8, 10]}}
    _prepare("brats", root, tmp_path / "all", options)
    _prepare("brats", root, tmp_path / "b", {**options, "duplicates": "drop"})
    whole, left = (np.load(tmp_path / name / "volumes.npy") for name in ("all", "b"))
    assert (len(whole), len(left)) == (3, 2)
    assert np.array_equal(whole[:2], left)
    assert MANIFEST.read(tmp_path / "b" / "manifest.csv")["volume_id"].nunique() == 2
    assert read_json(tmp_path / "b" / "cohort.json")["bytes"] == left.nbytes + 8 * 16 * 16 * 3


def test_limit_keeps_the_mix(make_elpv: Callable[..., Path], tmp_path: Path) -> None:
    _prepare("elpv", make_elpv([1] * 10 + [0] * 20), tmp_path / "cells", {"limit": 9})
    assert read_json(tmp_path / "cells" / "cohort.json")["classes"] == {"defect": 3, "functional": 6}


def test_one_bad_image_goes_to_quarantine(make_elpv: Callable[..., Path], tmp_path: Path) -> None:
    _prepare("elpv", make_elpv([1, 0, 1, 0, 1], damage={2: b"noise"}), tmp_path / "cells")
    quarantine = QUARANTINE.read(tmp_path / "cells" / "quarantine.csv")
    assert quarantine.values.tolist() == [["elpv_dataset/data/images/cell0002.png", "cell0002", "is not an image"]]
    manifest = MANIFEST.read(tmp_path / "cells" / "manifest.csv")
    assert manifest["subject_id"].tolist() == ["cell0001", "cell0003", "cell0004", "cell0005"]
    assert read_json(tmp_path / "cells" / "cohort.json")["n_quarantined"] == 1


def test_a_subject_that_loses_a_frame_is_left_out_whole(make_acdc: Callable[..., Path], tmp_path: Path) -> None:
    root = make_acdc(["NOR", "DCM", "RV", "NOR"])
    bad = root / "training" / "patient002" / "patient002_frame07.nii.gz"
    bad.write_bytes(bad.read_bytes()[:-100])
    _prepare("acdc", root, tmp_path / "a", {"volume": {"size": [4, 4, 4]}})
    manifest = MANIFEST.read(tmp_path / "a" / "manifest.csv")
    assert set(manifest["subject_id"]) == {"patient001", "patient003", "patient004"}
    assert len(np.load(tmp_path / "a" / "volumes.npy")) == 6
    assert len(np.load(tmp_path / "a" / "images.npy")) == len(manifest)
    quarantine = QUARANTINE.read(tmp_path / "a" / "quarantine.csv")
    assert quarantine["file"].tolist() == ["training/patient002/patient002_frame07.nii.gz"]


@pytest.mark.parametrize("workers", [1, 2])
def test_too_many_bad_inputs_stop_the_study(make_elpv: Callable[..., Path], tmp_path: Path, workers: int) -> None:
    root = make_elpv([1, "x", 0, 1, 0], damage={1: b"noise"})
    output, listed = tmp_path / "cells", tmp_path / "logs" / "cells.csv"
    with pytest.raises(CohortError) as caught:
        _prepare("elpv", root, output, workers=workers, failed_list=listed)
    message = str(caught.value)
    assert message.startswith(f"{listed}: ")
    assert "2 of 5 subjects of cohort cells cannot be used, and the rest was not read" in message
    assert "quarantine.max_fraction allows 30%" in message
    assert "cell0001.png (is not an image)" in message
    assert "raise quarantine.max_fraction" in message
    assert not output.exists()
    assert len(QUARANTINE.read(listed)) == 2


def test_a_missing_source_names_its_key(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"cohorts\.heart\.source: .*nowhere does not exist.*\n.*set this key"):
        _prepare("acdc", tmp_path / "nowhere", tmp_path / "heart")
    assert not (tmp_path / "heart").exists()


def test_an_earlier_volumes_file_does_not_stay(make_acdc: Callable[..., Path], tmp_path: Path) -> None:
    root = make_acdc(["NOR", "DCM"])
    _prepare("acdc", root, tmp_path / "a", {"volume": {"size": [4, 4, 4]}})
    _prepare("acdc", root, tmp_path / "a")
    assert len(np.load(tmp_path / "a" / "volumes.npy")) == 0


@pytest.mark.parametrize(
    ("adapter", "options", "message"),
    [
        ("brats", {}, r"cohorts\.c\.modalities: is needed: BraTS has 4 modalities"),
        ("brats", {"modalities": ["t3"]}, r"cohorts\.c\.modalities: \['t3'\] cannot be read"),
        ("elpv", {"modalities": ["t1"]}, r"cohorts\.c\.modalities: .*\n.*this cohort has no modalities"),
        ("acdc", {"slice": "all"}, r"cohorts\.c\.slice: is not an option of a cohort"),
        ("acdc", {"slices": {"count": 0}}, r"cohorts\.c\.slices\.count: is 0"),
        ("acdc", {"slices": "some"}, r"cohorts\.c\.slices: is 'some'\n.*\{every: n\}"),
        ("acdc", {"volume": {"size": [4, 4]}}, r"cohorts\.c\.volume: .*\n.*\[depth, height, width\]"),
        ("acdc", {"limit": 1.5}, r"cohorts\.c\.limit: is 1\.5"),
        ("acdc", {"crop_mm": -1}, r"cohorts\.c\.crop_mm: is -1"),
        ("kits", {}, r"cohorts\.c\.adapter: is not a cohort adapter"),
    ],
)
def test_wrong_options_name_their_key(adapter: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        _prepare(adapter, tmp_path, tmp_path / "c", options)


def test_planning_imports_nothing_heavy() -> None:
    code = (
        "import sys; from sixgig.cohorts.registry import adapter_names, check_source\n"
        "for name in adapter_names(): check_source({'adapter': name}, '/nonexistent')\n"
        "print([m for m in ('torch', 'timm', 'sklearn', 'pandas', 'mlflow', 'joblib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
