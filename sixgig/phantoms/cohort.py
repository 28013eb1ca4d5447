"""What both phantom cohorts share: seeds, whole subject folders, resuming, worker processes."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.errors import ConfigError
from sixgig.runtime.atomic import read_json, write_json
from sixgig.runtime.provenance import this_source
from sixgig.runtime.stopping import end_with_parent

#: File in the cohort's folder that says with which values it was written.
RECORD = ".phantom.json"
_PARTIAL = ".partial-"


def subject_rng(seed: int, cohort: int, index: int, purpose: int) -> np.random.Generator:
    """Return the random source of one purpose of one subject: the same in whatever order subjects are written.

    Args:
        seed: The cohort's seed from the study.
        cohort: Number of the kind, so that two kinds with one seed do not share draws.
        index: Subject, from 0.
        purpose: Small number that separates streams within a subject.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, cohort, index, purpose]))


def balanced_class(seed: int, cohort: int, index: int, block: Sequence[str]) -> str:
    """Return a subject's class: every run of ``len(block)`` subjects holds the classes of ``block``, shuffled.

    Shuffling inside blocks keeps the proportions exact and lets a subject's class depend on its index alone.
    """
    number, place = divmod(index, len(block))
    order = np.random.default_rng(np.random.SeedSequence([seed, cohort, number, 2**31])).permutation(len(block))
    return block[int(order[place])]


def write_subjects(
    parent: Path,
    names: Sequence[str],
    record: dict[str, Any],
    write: Callable[[int, Path], None],
    workers: int,
    progress: Callable[[int], None] | None,
) -> None:
    """Write the subject folders that do not exist yet; each appears whole or not at all.

    Folders written with other values (another seed, shape or version of this code) are replaced.

    Args:
        parent: Folder of the subjects. A record of the values is kept in it.
        names: Folder name of each subject; the position is the subject's index.
        record: The values that change the content.
        write: Picklable function that writes subject ``index`` into an existing empty folder.
        workers: Number of processes.
        progress: Called with the number of further subjects that are complete.

    Raises:
        ConfigError: The folder holds subjects that this generator did not write.
    """
    code = this_source().digest(None, "sixgig.phantoms.acdc", "sixgig.phantoms.brats")
    _prepare_folder(parent, names, {**record, "code": code})
    missing = [index for index, name in enumerate(names) if not (parent / name).is_dir()]
    report = progress or (lambda _count: None)
    if len(missing) < len(names):
        report(len(names) - len(missing))
    if workers <= 1 or len(missing) <= 1:
        for index in missing:
            _write_whole(write, index, parent, names[index])
            report(1)
        return
    # fork: a spawned worker would import the main module again, which under Snakemake is a generated script.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(min(workers, len(missing)), context, end_with_parent, (os.getpid(),)) as pool:
        waiting = {pool.submit(_write_whole, write, index, parent, names[index]) for index in missing}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    report(1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _prepare_folder(parent: Path, names: Sequence[str], record: dict[str, Any]) -> None:
    parent.mkdir(parents=True, exist_ok=True)
    prefix = names[0].rstrip("0123456789")
    present = [entry for entry in parent.iterdir() if entry.is_dir() and entry.name.startswith(prefix)]
    path = parent / RECORD
    if present and not path.exists():
        raise ConfigError(
            parent,
            f"holds {len(present)} folders named {prefix}... that the phantom generator did not write",
            "choose another folder for the phantom, or use the cohort there with `source: {path: ...}`",
        )
    keep = set(names) if path.exists() and read_json(path) == record else set()
    for entry in parent.iterdir():
        if entry.name.startswith(_PARTIAL) or (entry in present and entry.name not in keep):
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
    write_json(path, record)


def _write_whole(write: Callable[[int, Path], None], index: int, parent: Path, name: str) -> None:
    partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=parent))
    try:
        partial.chmod(0o755)
        write(index, partial)
        for path in partial.iterdir():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        partial.rename(parent / name)
    finally:
        with suppress(OSError):
            shutil.rmtree(partial, ignore_errors=True)


def save_nifti(
    path: Path, values: npt.NDArray[Any], affine: npt.NDArray[np.float64], zooms: tuple[float, ...], units: str = "sec"
) -> None:
    """Write a NIfTI-1 file whose bytes depend only on its content (gzip level 1, no time stamp).

    Args:
        path: File, ``.nii.gz``.
        values: Voxels, first axis x; the array's type is the file's type.
        affine: 4 x 4, voxel to world in mm.
        zooms: Voxel size along each axis: mm, then seconds for a fourth axis.
        units: Unit of the fourth axis.
    """
    import nibabel

    image = nibabel.Nifti1Image(values, affine)
    image.header.set_zooms(zooms)
    image.header.set_xyzt_units("mm", units)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    nibabel.save(image, path)
