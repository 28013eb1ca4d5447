"""Simulated cohort in the layout of ACDC: cine heart MRI of five diagnostic groups."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sixgig.errors import ConfigError
from sixgig.phantoms.cine import CineRenderer, Stack
from sixgig.phantoms.cohort import balanced_class, save_nifti, subject_rng, write_subjects
from sixgig.phantoms.heart import Array, Heart, HeartPlan, contraction_curve
from sixgig.runtime.atomic import write_text

FOLDER = "training"
GROUPS = ("NOR", "MINF", "DCM", "HCM", "RV")
MIN_SUBJECTS = len(GROUPS)
MIN_FIELD_OF_VIEW = 130.0  # mm in the plane: the widest heart drawn here, with its wall
MIN_SLICES, MAX_SLICES, MAX_MATRIX = 10, 24, 512
MIN_FRAMES = 5
MAX_SPACING = 6.0  # mm; with coarser voxels, a voxel would be wider than the wall

# ---- Difficulty: how far beyond its group's diagnostic threshold a subject is ---------------------------------------
#: 0 puts every subject just on the right side of the threshold, 1 is realistic, 3 makes the groups obvious.
EXTREMITY = 1.0
#: Range of the left volume index in groups in which it should be normal, mL/m2; wide ranges hide the other signs.
NORMAL_LV_INDEX = (52.0, 77.0)
#: The same for the right ventricle.
NORMAL_RV_INDEX = (55.0, 98.0)
# ---------------------------------------------------------------------------------------------------------------------

_KIND = 2  # enters every seed


@dataclass(frozen=True)
class Person:
    """Height in cm and weight in kg."""

    height: float
    weight: float

    @property
    def body_surface(self) -> float:
        """Body surface area in m2: sqrt(height x weight / 3600) (Mosteller 1987, N Engl J Med 317)."""
        return math.sqrt(self.height * self.weight / 3600.0)


def subject_name(index: int) -> str:
    """Return the folder name of subject ``index`` (from 0): ``patient001``."""
    return f"patient{index + 1:03d}"


def group_of(seed: int, index: int) -> str:
    """Return the group of subject ``index``; every five subjects in a row hold each group once."""
    return balanced_class(seed, _KIND, index, GROUPS)


def write_cohort(
    root: Path,
    *,
    subjects: int,
    shape: tuple[int, int, int],
    spacing: float,
    seed: int,
    frames: int = 12,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write the cohort under ``root``; see :func:`sixgig.phantoms.writing.write_phantom`.

    Raises:
        ConfigError: The heart does not fit into the field of view, or there are too few subjects or frames.
    """
    place = f"phantom {root}"
    if subjects < MIN_SUBJECTS:
        raise ConfigError(
            place, f"subjects is {subjects}, fewer than the {MIN_SUBJECTS} groups", "set subjects to 5 or more"
        )
    if frames < MIN_FRAMES or frames > 99:
        raise ConfigError(place, f"frames is {frames}", f"set frames between {MIN_FRAMES} and 99")
    if not MIN_SLICES <= shape[2] <= MAX_SLICES or max(shape[:2]) > MAX_MATRIX or spacing > MAX_SPACING:
        raise ConfigError(
            place,
            f"shape {list(shape)} at {spacing:g} mm is outside what the heart phantom can draw",
            f"use {MIN_SLICES} to {MAX_SLICES} slices (8 to 10 mm apart), at most {MAX_MATRIX} x {MAX_MATRIX} voxels"
            f" and a spacing of at most {MAX_SPACING:g} mm",
        )
    view = min(shape[:2]) * spacing
    if view < MIN_FIELD_OF_VIEW:
        raise ConfigError(
            place,
            f"shape {list(shape)} at {spacing:g} mm covers {view:.0f} mm; a heart needs {MIN_FIELD_OF_VIEW:.0f} mm",
            f"set spacing to at least {math.ceil(10 * MIN_FIELD_OF_VIEW / min(shape[:2])) / 10:g} or enlarge the shape",
        )
    parent = root / FOLDER
    names = [subject_name(index) for index in range(subjects)]
    record = {"kind": "acdc", "shape": list(shape), "spacing": spacing, "seed": seed, "frames": frames}
    write = functools.partial(write_subject, shape=shape, spacing=spacing, seed=seed, frames=frames)
    write_subjects(parent, names, record, write, workers, progress)


def write_subject(
    index: int, folder: Path, *, shape: tuple[int, int, int], spacing: float, seed: int, frames: int
) -> None:
    """Write ``Info.cfg`` and the five images of subject ``index`` into ``folder``.

    Args:
        index: Subject, from 0.
        folder: Existing folder.
        shape: Voxels in the plane (x, y) and slices.
        spacing: In-plane voxel size in mm.
        seed: The cohort's seed.
        frames: Frames of the cine.
    """
    rng = subject_rng(seed, _KIND, index, 0)
    group = group_of(seed, index)
    person = draw_person(rng)
    plan = draw_plan(rng, group, person)
    systole = int(np.clip(round(0.38 * frames + rng.uniform(-1, 1)), 2, frames - 2))
    beat = float(rng.uniform(0.7, 1.05))  # seconds
    slice_mm, positions = _place_slices(rng, plan, shape[2])
    heart = Heart(plan, positions, slice_mm)
    stack = Stack(shape, spacing, slice_mm, _place_axis(rng, heart, shape, spacing))
    noise = (subject_rng(seed, _KIND, index, 2), subject_rng(seed, _KIND, index, 3))
    renderer = CineRenderer(heart, stack, subject_rng(seed, _KIND, index, 1), noise)

    cine = np.empty((frames, *shape[::-1]), np.int16)
    affine = np.diag([spacing, spacing, slice_mm, 1.0])
    zooms = (spacing, spacing, slice_mm)
    name = subject_name(index)
    for number, contraction in enumerate(contraction_curve(frames, systole)):
        cine[number], labels = renderer.frame(float(contraction))
        if number in (0, systole):
            stem = f"{name}_frame{number + 1:02d}"
            save_nifti(folder / f"{stem}.nii.gz", cine[number].T, affine, zooms)
            save_nifti(folder / f"{stem}_gt.nii.gz", labels.T, affine, zooms)
    save_nifti(folder / f"{name}_4d.nii.gz", cine.T, affine, (*zooms, beat / frames))
    lines = {
        "ED": 1,
        "ES": systole + 1,
        "Group": group,
        "Height": f"{person.height:.1f}",
        "NbFrame": frames,
        "Weight": f"{person.weight:.1f}",
    }
    write_text(folder / "Info.cfg", "".join(f"{key}: {value}\n" for key, value in lines.items()))


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a subject's height and weight; they do not depend on the group."""
    height = float(np.clip(rng.normal(171, 9), 150, 192))
    weight = float(np.clip(rng.normal(25.5, 3.5), 19, 33)) * (height / 100) ** 2
    return Person(round(height, 1), round(min(weight, 105.0), 1))


def draw_plan(rng: np.random.Generator, group: str, person: Person) -> HeartPlan:
    """Draw a heart that meets its group's rules, on the right side of each threshold but often near it.

    The rules are those published with ACDC (Bernard et al. 2018, IEEE TMI 37, section II): NOR: ejection fraction
    above 50%, wall below 12 mm, left volume below 90 (men) or 80 (women) mL/m2. MINF: ejection fraction below 40% with
    segments that do not contract. DCM: below 40%, left volume above 100 mL/m2, wall below 12 mm. HCM: ejection fraction
    above 55%, several segments thicker than 15 mm. RV: right volume above 110 mL/m2 or right ejection fraction below
    40%, left ventricle normal. The stricter threshold is used for both sexes.

    Args:
        rng: Source of the draws.
        group: One of ``GROUPS``.
        person: Height and weight, by which volumes are indexed.
    """

    def beyond(unit: float, limit: float) -> float:
        return min(unit * (0.2 + EXTREMITY * float(rng.gamma(2.0, 0.5))), limit)

    lv_index, lv_ef = float(rng.uniform(*NORMAL_LV_INDEX)), 0.53 + beyond(0.055, 0.16)
    rv_index, rv_ef = float(rng.uniform(*NORMAL_RV_INDEX)), float(rng.uniform(0.44, 0.62))
    wall, thinning, scar_width = float(rng.uniform(6.5, 10.0)), 0.0, 0.0
    bulge, bulge_width = 0.0, 1.0
    if group == "MINF":
        lv_index, lv_ef = float(rng.uniform(58, 118)), 0.38 - beyond(0.05, 0.17)
        scar_width, thinning = float(rng.uniform(0.8, 1.35)), float(rng.uniform(0.15, 0.42))
    elif group == "DCM":
        lv_index, lv_ef = 104.0 + beyond(16.0, 50.0), 0.38 - beyond(0.06, 0.22)
        wall = float(rng.uniform(6.0, 9.5))
    elif group == "HCM":
        lv_ef, wall = 0.57 + beyond(0.055, 0.18), float(rng.uniform(9.0, 11.0))
        bulge, bulge_width = 16.6 - wall + beyond(2.5, 9.0), float(rng.uniform(0.85, 1.7))
    elif group == "RV":
        dilated = rng.random() < 0.75
        if dilated:
            rv_index = 114.0 + beyond(12.0, 36.0)
        if not dilated or rng.random() < 0.35:
            rv_ef = 0.38 - beyond(0.05, 0.16)
    surface = person.body_surface
    length = float(np.clip(78.0 * (surface / 1.85) ** 0.5 * (lv_index / 70.0) ** 0.18 + rng.normal(0, 3), 68, 90))
    rv_edv = min(rv_index * surface, 275.0)
    return HeartPlan(
        lv_edv=min(lv_index * surface, 290.0),
        lv_ef=lv_ef,
        rv_edv=rv_edv,
        rv_ef=rv_ef,
        length=length,
        descent=length * (0.04 + 0.17 * lv_ef),
        wall=wall,
        bulge=bulge,
        bulge_angle=float(rng.normal(0.1, 0.4)),
        bulge_width=bulge_width,
        scar_angle=float(rng.choice([-0.2, 2.0, -2.1]) + rng.normal(0, 0.25)),  # the three coronary territories
        scar_width=scar_width,
        scar_from=float(rng.uniform(-0.3, 0.25)),
        scar_thinning=thinning,
        septum=math.pi + float(rng.normal(0.15, 0.3)),
        rv_width=float(rng.uniform(1.2, 1.4)) + 0.0012 * max(0.0, rv_edv - 150.0),
        waves=np.column_stack([rng.uniform(0.0, (0.06, 0.025)), rng.uniform(0, 2 * np.pi, 2)]),
    )


def _place_slices(rng: np.random.Generator, plan: HeartPlan, count: int) -> tuple[float, Array]:
    """Return the distance of slices in mm and each slice's depth below the base, from base to apex."""
    needed = plan.length + 0.8 * plan.wall
    finest = 8.0 if count <= 12 else 5.0
    slice_mm = round(float(np.clip(needed / (count - rng.uniform(0.0, 2.0)), finest, 10.0)), 2)
    spare = max(0, int(count - math.ceil(needed / slice_mm)))
    above = int(rng.integers(0, min(spare, 2) + 1)) if spare <= 2 else spare // 2
    return slice_mm, (np.arange(count, dtype=np.float64) - above + 0.5) * slice_mm


def _place_axis(
    rng: np.random.Generator, heart: Heart, shape: tuple[int, int, int], spacing: float
) -> tuple[float, float]:
    """Return where the left ventricle's axis meets the plane, so that the whole heart is inside with some freedom."""
    contours = heart.contours(0.0)
    reach = np.maximum(contours.epicardium, contours.rv).max(axis=0)
    angle = (np.arange(reach.size) + 0.5) * (2 * np.pi / reach.size)
    place = []
    for size, along in ((shape[0] * spacing, reach * np.cos(angle)), (shape[1] * spacing, reach * np.sin(angle))):
        low, high = -float(along.min()), size - float(along.max())
        freedom = min(8.0, max(0.0, (high - low) / 2 - 2 * spacing))
        place.append((low + high) / 2 + float(rng.uniform(-freedom, freedom)))
    return place[0], place[1]
