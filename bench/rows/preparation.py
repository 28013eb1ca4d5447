"""Preparing cohorts.

One subject of BraTS's size (four gzipped int16 volumes of 240 x 240 x 155, 32 slices of 224 px), one of ACDC's (two
frames of 216 x 240 x 10), one DICOM series (512 x 512 x 120, 32 slices) and a folder of 200 grey PNG files of 512 px,
all on one thread; then a cohort of 40 subjects of BraTS's size on one process and on two, with their start. sixgig also
checks every file. Others read by their own readers, then take percentiles and resize slices by Pillow; since they
choose and filter slices a little differently, results have to be alike (correlation), not equal.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bench.baselines import prepare_pillow, prepare_readers
from bench.baselines.prepare_slices import slices
from bench.cohort_files import more_brats, write_brats, write_pictures, write_series
from bench.harness import BenchError, Row, Same, Variant, within
from sixgig.cohorts.adapters.acdc import AcdcAdapter
from sixgig.cohorts.adapters.brats import BratsAdapter
from sixgig.cohorts.adapters.dicom import DicomAdapter
from sixgig.cohorts.adapters.image_folder import ImageFolderAdapter
from sixgig.cohorts.base import Adapter
from sixgig.cohorts.preparation import prepare_cohort
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.subject import prepare_subject
from sixgig.phantoms import acdc

TITLE = "Preparing cohorts"
_CHANNELS = ("flair", "t1ce", "t2", "t1")
_SIZE, _AIM = 224, 3.0

#: Of pictures that are mostly noise, which each way of making them smaller smooths differently; another slice or
#: another orientation gives a correlation near 0.
_NOISY = 0.7


def rows(quick: bool) -> Iterator[Row]:
    """Yield a row for each kind of cohort."""
    rounds = 2 if quick else 5
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        root = Path(folder)
        yield from _brats(root, quick, rounds)
        yield _acdc(root / "acdc", rounds)
        yield _dicom(root / "dicom", quick, rounds)
        write_pictures(root / "pictures", 10 if quick else 200, 64 if quick else 512)
        yield Row(
            "folder of PNG files",
            Variant("sixgig", _own(ImageFolderAdapter(), root / "pictures", Recipe(_SIZE))),
            [Variant("Pillow, loop", lambda: prepare_pillow.pictures(root / "pictures", _SIZE))],
            within(0.02),
            _AIM,
            rounds,
            "folder",
        )


def _brats(root: Path, quick: bool, rounds: int) -> Iterator[Row]:
    cohort, count = root / "brats", 8 if quick else 32
    write_brats(cohort, 1 if quick else 2, (64, 64, 40) if quick else (240, 240, 155))
    first = sorted(cohort.iterdir())[0]
    files = [first / f"{first.name}_{modality}.nii.gz" for modality in _CHANNELS]
    recipe = Recipe(_SIZE, count=count, foreground="nonzero", crop="none")
    own = Variant("sixgig", _own(BratsAdapter(_CHANNELS), cohort, recipe, 1))
    others = _readers(
        ("nibabel", "simpleitk", "monai"), lambda read: slices([read(path) for path in files], count, _SIZE)
    )
    yield Row("subject of BraTS's size", own, others, _alike(_NOISY), _AIM, rounds, "subject")
    many = root / "many"
    more_brats(cohort, many, 6 if quick else 40)

    def prepared(workers: int) -> Callable[[], Any]:
        output = root / f"prepared{workers}" / "cohort"

        def run() -> Any:
            shutil.rmtree(output.parent, ignore_errors=True)
            options = {"modalities": list(_CHANNELS), "slices": {"count": count}}
            prepare_cohort(
                "brats", many, output, image_size=_SIZE, options=options, seed=1, max_quarantine_fraction=0.1,
                workers=workers,
            )  # fmt: skip
            return np.load(output / "images.npy", mmap_mode="r")[:64]

        return run

    one = Variant("sixgig, one process", prepared(1), aim=1.8)
    yield Row(
        "cohort of BraTS's size", Variant("sixgig, two processes", prepared(2)), [one], within(0.0), 0.0, 2, "cohort"
    )


def _acdc(root: Path, rounds: int) -> Row:
    shape = (216, 240, 10)
    acdc.write_cohort(root, subjects=5, shape=shape, spacing=1.5, seed=1)
    adapter = AcdcAdapter()
    record = adapter.discover(root).records[0]
    files = [record.root / item.files["cine"] for item in record.items]

    def plain(read: Callable[[Path], Any]) -> Any:
        return np.concatenate([slices([read(path)], None, _SIZE, padded=True) for path in files])

    own = Variant("sixgig", _own(adapter, root, Recipe(_SIZE, crop="none"), 1))
    others = _readers(("nibabel", "simpleitk", "monai"), plain)
    return Row("subject of ACDC's size", own, others, _alike(0.9), _AIM, rounds, "subject")


def _dicom(root: Path, quick: bool, rounds: int) -> Row:
    count = 8 if quick else 32
    write_series(root / "p1", (64, 64, 20) if quick else (512, 512, 120))
    own = Variant("sixgig", _own(DicomAdapter(), root, Recipe(_SIZE, count=count, crop="none")))
    others = _readers(("pydicom", "simpleitk", "monai"), lambda read: slices([read(root / "p1")], count, _SIZE))
    return Row("DICOM series", own, others, _alike(_NOISY), _AIM, rounds, "series")


def _readers(names: Sequence[str], plain: Callable[[Any], Any]) -> list[Variant]:
    shown = {"nibabel": "nibabel `get_fdata`", "simpleitk": "SimpleITK", "monai": "MONAI `LoadImage`"}
    return [Variant(shown.get(name, name), partial(plain, getattr(prepare_readers, name))) for name in names]


def _own(adapter: Adapter, root: Path, recipe: Recipe, subjects: int | None = None) -> Callable[[], Any]:
    def run() -> Any:
        records = adapter.discover(root).records[:subjects]
        found = [prepare_subject(adapter, record, recipe) for record in records]
        images = [image for subject in found for image in subject.images]
        if not images:
            raise BenchError(root.name, f"nothing was prepared: {[one.rejections for one in found]}", "mend the row")
        return np.stack(images)

    return run


def _alike(least: float) -> Same:
    """Compare pictures by their correlation; shapes have to be the same."""

    def same(ours: Any, theirs: Any) -> str:
        if ours.shape != theirs.shape:
            raise BenchError("shape", f"its result has shape {theirs.shape}, sixgig's {ours.shape}", "mend it")
        found = float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1])
        if not found >= least:
            raise BenchError("result", f"its correlation with sixgig's is {found:.3f}", "mend it")
        return f"correlation {found:.3f}"

    return same
