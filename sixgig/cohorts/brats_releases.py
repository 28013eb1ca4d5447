"""How the releases of BraTS name their folders and files.

Menze et al., IEEE TMI 2015; Bakas et al., Scientific Data 2017; Baid et al., arXiv 2107.02314 (2021); LaBella et al.,
arXiv 2405.18383 (MEN-RT, 2024); de Verdier et al., arXiv 2405.18368 (2024).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sixgig.cohorts.nifti import find_nifti

MODALITIES = ("flair", "t1", "t1ce", "t2")
_SINCE_2023 = {"flair": "t2f", "t1": "t1n", "t1ce": "t1c", "t2": "t2w"}
_ENDINGS = (".nii.gz", ".nii")
_DEPTH = 4


@dataclass(frozen=True, eq=False)
class Release:
    """How one release names its folders and files.

    Attributes:
        title: The release, for people.
        folder: Pattern of a folder's name; group ``subject`` is the patient. A number after it is the time point.
        joint: What stands between the folder's name and the modality in a file's name.
        spelling: Modality -> how the release spells it; all modalities that it has.
        id_column: Column of name_mapping.csv with the folder's name; None where there is no such file.
    """

    title: str
    folder: re.Pattern[str]
    joint: str
    spelling: Mapping[str, str]
    id_column: str | None = None

    def expected(self, folder: Path, modality: str) -> Path:
        """Return where a modality's file is in a release as it was published."""
        return folder / f"{folder.name}{self.joint}{self.spelling[modality]}.nii.gz"

    def find(self, folder: Path, modality: str) -> Path | None:
        """Return a modality's file.

        Copies of a release have other names: capitals, another sign before the modality, and folders that are called
        ``x.nii`` with one file inside.
        """
        stem = f"{folder.name}{self.joint}{self.spelling[modality]}"
        exact = find_nifti(folder, stem)
        if exact is not None:
            return exact
        stems = {f"{folder.name}{joint}{self.spelling[modality]}".lower() for joint in "-_"}
        for path in sorted(folder.iterdir()):
            ending = next((ending for ending in _ENDINGS if path.name.lower().endswith(ending)), None)
            if ending is None or path.name.lower().removesuffix(ending) not in stems:
                continue
            if path.is_file():
                return path
            inside = [file for file in sorted(path.iterdir()) if file.is_file() and not file.name.startswith(".")]
            inside = [file for file in inside if file.name.lower().endswith(_ENDINGS)]
            if len(inside) == 1:
                return inside[0]
        return None


def _named(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _until_2020(year: int) -> Release:
    pattern = _named(rf"(?P<subject>BraTS{year % 100}_\w+)")
    spelling = {name: name for name in MODALITIES}
    return Release(str(year), pattern, "_", spelling, f"BraTS_{year}_subject_ID")


_OURS = _named(r"BraTS.*\d")
#: The first that fits a folder's name is its release.
RELEASES = (
    *(_until_2020(year) for year in (2017, 2018, 2019, 2020)),
    Release("2021", _named(r"(?P<subject>BraTS2021_\d+)"), "_", {name: name for name in MODALITIES}),
    Release("MEN-RT", _named(r"(?P<subject>BraTS-MEN-RT-\d+)-\d+"), "_", {"t1ce": "t1c"}),
    Release("GoAT", _named(r"(?P<subject>BraTS-GoAT-\d+)"), "-", _SINCE_2023),
    # GLI, SSA, MEN, MET, PED and others. The last number is the time point: two folders may be one patient.
    Release("2023 or later", _named(r"(?P<subject>BraTS-[A-Z]+(?:-[A-Z]+)*-\d+)-\d+"), "-", _SINCE_2023),
)


def release_of(name: str) -> Release | None:
    """Return the release that names a subject's folder in this way."""
    return next((release for release in RELEASES if release.folder.fullmatch(name)), None)


def releases_in(root: Path) -> dict[Release, list[Path]]:
    """Return the subjects' folders of every release below ``root``, sorted."""
    found: dict[Release, list[Path]] = {}
    for path in sorted(_folders(root, _DEPTH)):
        release = release_of(path.name)
        if release is not None:
            found.setdefault(release, []).append(path)
    return {release: found[release] for release in RELEASES if release in found}


def unknown_in(root: Path) -> str | None:
    """Return the name of a folder of volumes that is called BraTS in a way of no release."""
    for path in sorted(_folders(root, _DEPTH)):
        if (
            _OURS.fullmatch(path.name)
            and release_of(path.name) is None
            and any(file.name.lower().endswith(_ENDINGS) for file in path.iterdir())
        ):
            return path.name
    return None


def _folders(root: Path, depth: int) -> Iterator[Path]:
    """Yield folders below ``root`` down to ``depth``, without those inside a subject's folder."""
    for path in root.iterdir():
        if not path.is_dir():
            continue
        yield path
        if depth > 1 and release_of(path.name) is None:
            yield from _folders(path, depth - 1)
