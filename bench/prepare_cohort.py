"""Seconds to prepare one subject of BraTS's size, against the plain way, alternating in one run.

Both turn four gzipped volumes of 240 x 240 x 155 voxels (int16) into as many pictures of one size. The plain way reads
each modality with nibabel's ``get_fdata()``, maps the 1st to 99th percentile of the head to [0, 1], resizes each slice
with Pillow and saves. The volumes are noise of two kinds inside a head and zero outside. Run with
``make bench``, or ``.venv/bin/python -m bench.prepare_cohort --rounds 5``.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import nibabel as nib
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from sixgig.cohorts import stored, unpacking
from sixgig.cohorts.adapters.brats import BratsAdapter
from sixgig.cohorts.preparation import prepare_cohort
from sixgig.cohorts.recipe import Recipe
from sixgig.cohorts.subject import PreparedSubject, prepare_subject

_SHAPE = (240, 240, 155)
_MODALITIES = ("flair", "t1", "t1ce", "t2")
_CHANNELS = ("flair", "t1ce", "t2", "t1")
_SLICES, _SIZE = 32, 224
_RECIPE = Recipe(_SIZE, count=_SLICES, foreground="nonzero")


def write_subjects(root: Path, number: int) -> None:
    """Write subjects in the layout of BraTS 2021."""
    rng = np.random.default_rng(0)
    grid = np.meshgrid(*(np.linspace(-1, 1, length) for length in _SHAPE), indexing="ij", sparse=True)
    head = (grid[0] / 0.6) ** 2 + (grid[1] / 0.75) ** 2 + (grid[2] / 0.9) ** 2 < 1
    for subject in range(number):
        folder = root / f"BraTS2021_{subject:05d}"
        folder.mkdir(parents=True)
        for modality in _MODALITIES:
            texture = gaussian_filter(rng.normal(size=_SHAPE).astype(np.float32), 1.5)
            array = np.where(head, 400 + 300 * texture / texture.std() + rng.normal(0, 10, _SHAPE), 0).clip(0)
            data = nib.Nifti1Image(array.astype(np.int16), np.diag([-1.0, -1.0, 1.0, 1.0])).to_bytes()
            (folder / f"{folder.name}_{modality}.nii.gz").write_bytes(gzip.compress(data, 6))


def plain(folder: Path) -> np.ndarray:
    """The subject's slices by the plain way, uint8 [32, 224, 224, 3]."""
    channels = []
    for modality in _CHANNELS:
        image = nib.as_closest_canonical(nib.load(folder / f"{folder.name}_{modality}.nii.gz"))
        data = image.get_fdata()
        low, high = np.percentile(data[data > 0], [1, 99])
        channels.append(np.clip((data - low) / (high - low), 0, 1) * (data > 0))
    filled = np.flatnonzero((channels[0] > 0).any(axis=(0, 1)))
    places = np.linspace(filled[0] + 5, filled[-1] - 5, _SLICES).round().astype(int)
    pictures = []
    for place in places:
        planes = [np.rot90(channel[:, :, place]) * 255 for channel in channels[:3]]
        picture = Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))
        pictures.append(np.asarray(picture.resize((_SIZE, _SIZE), Image.Resampling.BILINEAR)))
    return np.stack(pictures)


def ours(root: Path) -> np.ndarray:
    """The first subject's slices, uint8 [32, 224, 224, 3]."""
    adapter = BratsAdapter(_CHANNELS)
    found = prepare_subject(adapter, adapter.discover(root).records[0], _RECIPE)
    assert isinstance(found, PreparedSubject)
    return np.stack(found.images)


def seconds(function: Callable[[], object]) -> float:
    """Time of one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def decompression_share(root: Path) -> float:
    """Share of the time of one subject that goes into unpacking gzip to its place, by a stopwatch; median of nine."""
    inside: list[float] = []

    def timed(*arguments: object) -> object:
        start = time.perf_counter()
        content = unpacking.read_unpacked(*arguments)  # type: ignore[arg-type]
        inside.append(time.perf_counter() - start)
        return content

    shares = []
    with patch.object(stored, "read_unpacked", timed):
        for _ in range(9):
            inside.clear()
            total = seconds(lambda: ours(root))
            shares.append(sum(inside) / total)
    return float(statistics.median(shares))


def peak_mb(root: Path) -> float:
    """Peak resident memory of a fresh process that prepares one subject, in MB."""
    code = (
        "from pathlib import Path; from sixgig.cohorts.adapters.brats import BratsAdapter\n"
        "from sixgig.cohorts.normalisation import Normalisation; from sixgig.cohorts.recipe import Recipe\n"
        "from sixgig.cohorts.subject import prepare_subject\n"
        f"adapter = BratsAdapter({_CHANNELS!r}); record = adapter.discover(Path({str(root)!r})).records[0]\n"
        f"found = prepare_subject(adapter, record, {_RECIPE!r})\n"
        "assert found.images; print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )  # not ru_maxrss, which begins at the peak of the process that starts this one
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout) * 1024 / 1e6


def copy_subjects(root: Path, target: Path, number: int) -> None:
    """Make a larger cohort of second names of the subjects of ``root``."""
    sources = sorted(root.iterdir())
    for place in range(number):
        source, folder = sources[place % len(sources)], target / f"BraTS2021_{place:05d}"
        folder.mkdir(parents=True)
        for path in source.iterdir():
            os.link(path, folder / path.name.replace(source.name, folder.name))


def prepared(root: Path, output: Path, workers: int) -> float:
    """Seconds to prepare a whole cohort, its processes' start included."""
    options = {"modalities": list(_CHANNELS), "slices": {"count": _SLICES}}
    return seconds(
        lambda: prepare_cohort(
            "brats", root, output, image_size=_SIZE, options=options, seed=1, max_quarantine_fraction=0.1,
            workers=workers,
        )
    )  # fmt: skip


def main(rounds: int, subjects: int, copies: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "cohort"
        write_subjects(root, subjects)
        first = sorted(root.iterdir())[0]
        packed = sum(path.stat().st_size for path in first.iterdir())
        print(f"one subject: 4 x {_SHAPE} int16, {packed / 1e6:.0f} MB packed; {_SLICES} slices of {_SIZE} px")
        ways = {
            "plain": lambda: np.save(Path(folder) / "a", plain(first)),
            "sixgig": lambda: np.save(Path(folder) / "b", ours(root)),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for function in ways.values():
            function()
        for _ in range(rounds):
            for name, function in ways.items():
                times[name].append(seconds(function))
        median = {name: statistics.median(values) for name, values in times.items()}
        print(f"  plain  {median['plain']:.2f} s")
        print(f"  sixgig {median['sixgig']:.2f} s, {median['plain'] / median['sixgig']:.1f} times faster")
        print(f"  share of decompression {decompression_share(root):.0%}")
        print(f"  peak memory of the process {peak_mb(root):.0f} MB")
        many = Path(folder) / "many"
        copy_subjects(root, many, copies)
        took: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(2):
            for workers, values in took.items():
                output = Path(folder) / "prepared" / "c"
                values.append(prepared(many, output, workers))
                shutil.rmtree(output.parent)
        one, two = (min(values) for values in took.values())
        print(f"  {copies} subjects: 1 process {one:.1f} s, 2 processes {two:.1f} s, {one / two:.2f} times faster")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--subjects", type=int, default=2)
    parser.add_argument("--copies", type=int, default=40)
    arguments = parser.parse_args()
    main(arguments.rounds, arguments.subjects, arguments.copies)
