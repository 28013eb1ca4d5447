"""The report names the planes of a cohort's slices when they are not all axial."""

import shutil
from pathlib import Path

import pytest

from sixgig.reporting import cohorts
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json, write_json


@pytest.mark.parametrize(
    ("planes", "said"),
    [
        (None, None),
        ({"axial": 8}, None),
        ({"sagittal": 8}, "sagittal: 8"),
        ({"axial": 1, "coronal": 7}, "axial: 1, coronal: 7"),
    ],
)
def test_planes_are_named_unless_all_are_axial(
    drawn_study: Path, tmp_path: Path, planes: dict[str, int] | None, said: str | None
) -> None:
    folder = Path(shutil.copytree(drawn_study, tmp_path / "fake"))
    path = folder / "cohorts/brats_phantom/cohort.json"
    write_json(path, read_json(path) | ({"planes": planes} if planes else {}))
    facts = dict(cohorts.describe(Study(folder), "brats_phantom").facts)
    assert facts.get("Planes of the slices") == said
