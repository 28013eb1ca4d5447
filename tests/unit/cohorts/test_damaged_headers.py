"""Damaged NIfTI and Analyze files: an error of ours, never another one, and no memory for what a header claims."""

import gzip
import itertools
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sixgig.cohorts.nifti import read_channels, read_stacked
from sixgig.cohorts.stored import read_shape
from sixgig.errors import ImageError

ARRAY = np.random.default_rng(0).integers(1, 1000, (5, 6, 7)).astype(np.int16)
FOUR = np.stack([ARRAY, ARRAY + 1], axis=-1)
AFFINE = np.diag([-1.0, 1.0, 2.0, 1.0])
KINDS = ["nifti1", "nifti2", "big", "four", "pair", "pair2", "analyze"]
_number = itertools.count()


def _files(kind: str, folder: Path) -> Iterator[Path]:
    """Write a file or a pair; the header comes first."""
    stem = folder / f"{next(_number)}"
    if kind in ("pair", "pair2", "analyze"):
        maker = {"pair": nib.Nifti1Pair, "pair2": nib.Nifti2Pair, "analyze": nib.Spm99AnalyzeImage}[kind]
        maker(ARRAY, AFFINE).to_filename(stem.with_suffix(".img"))
        stem.with_suffix(".mat").unlink(missing_ok=True)
        yield from (stem.with_suffix(".hdr"), stem.with_suffix(".img"))
        return
    maker = nib.Nifti2Image if kind == "nifti2" else nib.Nifti1Image
    header = maker.header_class(endianness=">") if kind == "big" else None
    maker(FOUR if kind == "four" else ARRAY, AFFINE, header).to_filename(stem.with_suffix(".nii"))
    yield stem.with_suffix(".nii")


def _is_sound(path: Path) -> None:
    """Read a file every way; whatever is in it, there is a finite volume or an error of ours."""
    read_shape(path)
    for read in (lambda: read_channels([path]), lambda: read_stacked(path, (0, 1))):
        try:
            found = read()
        except ImageError:
            continue
        assert np.isfinite(found.array).all()
        assert min(found.spacing) > 0
        assert found.array.shape[3] in (1, 2)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS),
    changes=st.lists(st.tuples(st.integers(0, 543), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6),
)
def test_bytes_of_the_header(tmp_path: Path, kind: str, changes: list[tuple[int, bytes]]) -> None:
    first, *_ = _files(kind, tmp_path)
    data = bytearray(first.read_bytes())
    for at, values in changes:
        data[at : at + len(values)] = values
    first.write_bytes(data)
    _is_sound(first)


#: Fields that lead somewhere: their place in NIfTI-1, and values that no writer meant.
FIELDS: dict[str, tuple[int, str, list[float]]] = {
    "dim": (40, "<i2", [-32768, -1, 0, 1, 3, 4, 7, 8, 32767]),
    "datatype": (70, "<i2", [-1, 0, 1, 2, 128, 1536, 1792, 2304, 32767]),
    "pixdim": (76, "<f4", [0, -1, 1e-38, 1e38, np.inf, np.nan]),
    "vox_offset": (108, "<f4", [-1, 0, 1, 351, 353, 1e30, np.inf, np.nan]),
    "scaling": (112, "<f4", [0, -1, 1e-38, 1e38, np.inf, np.nan]),
    "units": (123, "u1", [0, 1, 3, 7, 255]),
    "codes": (252, "<i2", [-1, 0, 1, 4, 5, 32767]),
    "forms": (256, "<f4", [0, -1, 1, 1e-38, 1e38, np.inf, np.nan]),
}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(["nifti1", "four", "pair", "analyze"]))
def test_fields_of_the_header(tmp_path: Path, data: st.DataObject, kind: str) -> None:
    first, *_ = _files(kind, tmp_path)
    content = bytearray(first.read_bytes())
    for name in data.draw(st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=4)):
        begin, dtype, values = FIELDS[name]
        length = {"dim": 8, "pixdim": 8, "scaling": 2, "codes": 2, "forms": 18}.get(name, 1)
        at = begin + data.draw(st.integers(0, length - 1)) * np.dtype(dtype).itemsize
        value = np.array(data.draw(st.sampled_from(values))).astype(dtype).tobytes()
        content[at : at + len(value)] = value
    first.write_bytes(content)
    _is_sound(first)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(KINDS), which=st.integers(0, 1), kept=st.floats(0, 1), packed=st.booleans())
def test_files_that_end_early(tmp_path: Path, kind: str, which: int, kept: float, packed: bool) -> None:
    files = list(_files(kind, tmp_path))
    path = files[min(which, len(files) - 1)]
    data = gzip.compress(path.read_bytes(), mtime=0) if packed else path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    _is_sound(path)
    if kept < 1:
        with pytest.raises(ImageError):
            read_channels([path])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=800), suffix=st.sampled_from([".nii", ".nii.gz", ".hdr", ".img"]))
def test_anything_under_the_name_of_a_volume(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"{next(_number)}{suffix}"
    path.write_bytes(content)
    _is_sound(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_that_claims_more_than_there_is(tmp_path: Path, kind: str) -> None:
    """Nearly 2 ** 46 bytes are claimed, and refused before anything is made for them."""
    first, *_ = _files(kind, tmp_path)
    data = bytearray(first.read_bytes())
    if kind in ("nifti2", "pair2"):
        data[24:48] = np.array([30000] * 3, "<i8").tobytes()
    else:
        data[42:48] = np.array([30000] * 3, ">i2" if kind == "big" else "<i2").tobytes()
    first.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ImageError, match=r"its header claims \d+ bytes, and there are \d+"):
        read_channels([first])
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
