"""Volumes, ejection fraction and wall measured in the written labels follow ACDC's rules for each group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pytest

from sixgig.phantoms.acdc import Person, draw_plan, group_of
from sixgig.phantoms.heart import Heart, contraction_curve
from sixgig.phantoms.writing import write_phantom

SUBJECTS, SEED = 25, 8
SECTORS = 12


@dataclass(frozen=True)
class Measured:
    group: str
    lv_index: float
    lv_ef: float
    rv_index: float
    rv_ef: float
    walls: np.ndarray  # mm at end-diastole, [slices, SECTORS]
    thickening: np.ndarray  # mm gained in systole, [slices, SECTORS]
    touches_border: bool


def _sector_walls(labels: np.ndarray, spacing: float) -> np.ndarray:
    """Wall thickness of each sector of one slice from the areas of cavity and wall in it."""
    x, y = np.nonzero(labels == 3)
    gx, gy = np.meshgrid(*(np.arange(n) for n in labels.shape), indexing="ij")
    sector = ((np.arctan2(gy - y.mean(), gx - x.mean()) + np.pi) / (2 * np.pi) * SECTORS).astype(int) % SECTORS
    per_sector = spacing**2 * 2 * SECTORS / (2 * np.pi)
    cavity = np.bincount(sector[labels == 3], minlength=SECTORS) * per_sector
    both = np.bincount(sector[(labels == 2) | (labels == 3)], minlength=SECTORS) * per_sector
    return np.sqrt(both) - np.sqrt(cavity)


def _measure(folder: Path) -> Measured:
    info = dict(line.split(": ") for line in (folder / "Info.cfg").read_text().splitlines())
    surface = math.sqrt(float(info["Height"]) * float(info["Weight"]) / 3600)
    labels = []
    for frame in (1, int(info["ES"])):
        image = nibabel.load(folder / f"{folder.name}_frame{frame:02d}_gt.nii.gz")
        labels.append(np.asarray(image.dataobj))
        dx, dy, dz = image.header.get_zooms()
    voxel = float(dx * dy * dz) / 1000
    lv, rv = ([float((frame == label).sum()) * voxel for frame in labels] for label in (3, 1))
    areas = [(frame == 3).sum(axis=(0, 1)) for frame in labels]
    # Slices from the base to about two thirds of the length, cavity present in both frames.
    slices = np.flatnonzero((areas[0] > 0.55 * areas[0].max()) & (areas[1] > 0.35 * areas[1].max()))
    walls = [np.array([_sector_walls(frame[..., z], float(dx)) for z in slices]) for frame in labels]
    shell = np.concatenate([labels[0][[0, -1]].ravel(), labels[0][:, [0, -1]].ravel()])
    return Measured(
        info["Group"], lv[0] / surface, 1 - lv[1] / lv[0], rv[0] / surface, 1 - rv[1] / rv[0],
        walls[0], walls[1] - walls[0], bool(shell.any()),
    )  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Measured]]:
    root = tmp_path_factory.mktemp("hearts")
    write_phantom("acdc", root, subjects=SUBJECTS, shape=(96, 96, 10), spacing=1.5, seed=SEED, frames=5, workers=2)
    groups: dict[str, list[Measured]] = {}
    for folder in sorted((root / "training").glob("patient*")):
        subject = _measure(folder)
        groups.setdefault(subject.group, []).append(subject)
    return groups


# Volumes counted in voxels of 1.5 x 1.5 x 9 mm are within about 2% of the plan, thickness within about 1 mm.
def test_nor(measured: dict[str, list[Measured]]) -> None:
    for subject in measured["NOR"]:
        assert subject.lv_ef > 0.50
        assert subject.lv_index < 81
        assert subject.walls.max() < 12
        assert subject.rv_index < 105
        assert subject.rv_ef > 0.40


def test_minf(measured: dict[str, list[Measured]]) -> None:
    for subject in measured["MINF"]:
        assert 0.15 < subject.lv_ef < 0.40
        # Several segments do not contract while others do.
        assert (subject.thickening < 0.8).sum() >= 4
        assert subject.thickening.max() > 2.0


def test_dcm(measured: dict[str, list[Measured]]) -> None:
    for subject in measured["DCM"]:
        assert 0.1 < subject.lv_ef < 0.40
        assert subject.lv_index > 100
        assert subject.walls.max() < 12


def test_hcm(measured: dict[str, list[Measured]]) -> None:
    for subject in measured["HCM"]:
        assert subject.lv_ef > 0.55
        assert (subject.walls.max(axis=0) > 15).sum() >= 2
        assert subject.lv_index < 81


def test_rv(measured: dict[str, list[Measured]]) -> None:
    for subject in measured["RV"]:
        assert subject.rv_index > 110 or subject.rv_ef < 0.40
        assert subject.lv_ef > 0.50
        assert subject.lv_index < 81


def test_hearts_lie_inside_the_image_and_some_are_borderline(measured: dict[str, list[Measured]]) -> None:
    everyone = [subject for group in measured.values() for subject in group]
    assert len(everyone) == SUBJECTS
    assert not any(subject.touches_border for subject in everyone)
    assert min(abs(subject.lv_ef - 0.40) for subject in measured["DCM"] + measured["MINF"]) < 0.06


@pytest.mark.parametrize("group", ["NOR", "MINF", "DCM", "HCM", "RV"])
def test_geometry_reaches_the_planned_volumes(group: str) -> None:
    for seed in range(25):
        rng = np.random.default_rng(seed)
        person = Person(rng.uniform(150, 192), rng.uniform(50, 105))
        plan = draw_plan(rng, group, person)
        heart = Heart(plan, (np.arange(10) + 0.5) * 9.8, 9.8)
        diastole, systole = heart.contours(0.0), heart.contours(1.0)
        volumes = [heart.volume(frame.cavity) for frame in (diastole, systole)]
        assert volumes[0] == pytest.approx(plan.lv_edv, rel=1e-6)
        assert 1 - volumes[1] / volumes[0] == pytest.approx(plan.lv_ef, abs=1e-6)
        for frame, expected in ((diastole, plan.rv_edv), (systole, plan.rv_edv * (1 - plan.rv_ef))):
            inner = np.where(frame.rv > 0, frame.epicardium, 0)
            assert heart.volume(frame.rv) - heart.volume(inner) == pytest.approx(expected, rel=0.02)
        spread = max(np.ptp(np.r_[r * np.cos(a), 0]) for r in [np.maximum(diastole.epicardium, diastole.rv).max(0)]
                     for a in [np.linspace(0, 2 * np.pi, r.size)])  # fmt: skip
        assert spread < 130  # fits the smallest field of view that is allowed


def test_mosteller() -> None:
    assert Person(180.0, 80.0).body_surface == pytest.approx(2.0)


def test_contraction_starts_at_diastole_and_peaks_once() -> None:
    curve = contraction_curve(12, 4)
    assert curve[0] == 0.0
    assert curve[4] == 1.0
    assert (np.diff(curve[:5]) > 0).all()
    assert (np.diff(curve[4:]) <= 0).all()
    assert 0 <= curve[-1] < 0.2


def test_every_five_patients_hold_every_group() -> None:
    for block in range(6):
        assert {group_of(4, 5 * block + place) for place in range(5)} == {"NOR", "MINF", "DCM", "HCM", "RV"}
