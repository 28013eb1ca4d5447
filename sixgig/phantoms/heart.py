"""Geometry of a simulated beating heart in short-axis slices; volumes, wall and motion are solved to given values.

Every contour is a radius per slice and angle around the left ventricle's axis, so that areas and volumes follow from
sums. Lengths in mm, volumes in mL, angles in radians.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

ANGLES = 360
_THETA = (np.arange(ANGLES) + 0.5) * (2 * np.pi / ANGLES)
_RV_LENGTH = 0.88  # of the left ventricle's
_MAX_SHORTENING = 0.9  # of a ray


@dataclass(frozen=True)
class HeartPlan:
    """The properties that a subject's heart must have; drawn from the rules of its group.

    Attributes:
        lv_edv: Left-ventricular volume at end-diastole, mL.
        lv_ef: Left-ventricular ejection fraction, 0 to 1.
        rv_edv: Right-ventricular volume at end-diastole, mL.
        rv_ef: Right-ventricular ejection fraction, 0 to 1.
        length: Base to apex of the left cavity at end-diastole, mm.
        descent: How far the base moves towards the apex in systole, mm.
        wall: Mean wall thickness at end-diastole, mm.
        bulge: Extra thickness at the centre of the hypertrophied sector, mm; 0 for none.
        bulge_angle: Centre of that sector relative to the septum's centre.
        bulge_width: Its half-width.
        scar_angle: Centre of the infarct's sector relative to the septum's centre.
        scar_width: Half-width of the infarct's sector; 0 for none.
        scar_from: Where the infarct begins, as a fraction of the length from the base.
        scar_thinning: Fraction of the wall that is lost in the infarct.
        septum: Direction of the septum's centre in the image.
        rv_width: Half-width of the right ventricle's sector.
        waves: Relative amplitude and phase of the second and third harmonic of the left contour, [2, 2].
    """

    lv_edv: float
    lv_ef: float
    rv_edv: float
    rv_ef: float
    length: float
    descent: float
    wall: float
    bulge: float
    bulge_angle: float
    bulge_width: float
    scar_angle: float
    scar_width: float
    scar_from: float
    scar_thinning: float
    septum: float
    rv_width: float
    waves: Array


@dataclass(frozen=True)
class Contours:
    """Radii of one frame, each [nz, ANGLES] in mm; 0 where the slice does not meet the structure."""

    cavity: Array
    epicardium: Array
    rv: Array
    depth: Array  # [nz], mm below the base of this frame; negative above it


class Heart:
    """A heart whose discrete volumes at end-diastole and end-systole are those of the plan.

    Args:
        plan: The wanted values.
        slice_z: Positions of the slices' centres, mm below the end-diastolic base, shape [nz].
        slice_mm: Distance of slices, mm.

    Raises:
        ValueError: No contraction reaches the wanted volumes.
    """

    def __init__(self, plan: HeartPlan, slice_z: Array, slice_mm: float) -> None:
        self._plan, self._z, self._mm = plan, np.asarray(slice_z, np.float64), float(slice_mm)
        self._septal = np.angle(np.exp(1j * (_THETA - plan.septum)))
        harmonics = 1.0 + sum(
            amplitude * np.cos((k + 2) * (_THETA - phase)) for k, (amplitude, phase) in enumerate(plan.waves)
        )
        wall = plan.wall + plan.bulge * _window(self._septal - plan.bulge_angle, plan.bulge_width)
        scar = _window(self._septal - plan.scar_angle, plan.scar_width) if plan.scar_width > 0 else 0 * _THETA
        along = 1 / (1 + np.exp(-(self._z / plan.length - plan.scar_from) / 0.06))
        self._scar = along[:, None] * scar[None, :]
        self._wall = wall[None, :] * (1 - plan.scar_thinning * self._scar)

        scale = _solve(lambda r: self._cavity_volume(r * harmonics[None, :], 0.0), plan.lv_edv, 5.0, 70.0)
        self._radius = np.broadcast_to(scale * harmonics[None, :], self._wall.shape)
        wanted = plan.lv_edv * (1 - plan.lv_ef)
        self._shortening = _solve(lambda s: -self._cavity_volume(self._contracted(s), 1.0), -wanted, 0.0, 1.0)
        self._rv_size = (
            _solve(lambda d: self._rv_volume(d, 0.0), plan.rv_edv, 0.0, 110.0),
            _solve(lambda d: self._rv_volume(d, 1.0), plan.rv_edv * (1 - plan.rv_ef), 0.0, 110.0),
        )

    def contours(self, contraction: float) -> Contours:
        """Return the contours at a contraction from 0 (end-diastole) to 1 (end-systole)."""
        depth, length = self._depth(contraction)
        radius = self._contracted(self._shortening * contraction)
        cavity, epicardium = self._left(radius, depth, length)
        size = (1 - contraction) * self._rv_size[0] + contraction * self._rv_size[1]
        return Contours(cavity, epicardium, self._right(size, epicardium, depth, length), depth)

    def _depth(self, contraction: float) -> tuple[Array, float]:
        moved = self._plan.descent * contraction
        return self._z - moved, self._plan.length - moved

    def _contracted(self, shortening: float) -> Array:
        # An infarct hardly moves: it keeps a tenth of its neighbours' motion.
        return self._radius * (1 - np.minimum(shortening * (1 - 0.9 * self._scar), _MAX_SHORTENING))

    def _left(self, radius: Array, depth: Array, length: float) -> tuple[Array, Array]:
        # Myocardium does not change its volume: what the ray loses in length and radius the wall gains in thickness.
        area = (2 * self._radius * self._wall + self._wall**2) * (self._plan.length / length)
        outer = np.sqrt(radius**2 + area)
        inside = (depth > 0)[:, None]
        cavity = radius * _profile(depth, length)[:, None] * inside
        epicardium = outer * _profile(depth, length + 0.8 * self._plan.wall)[:, None] * inside
        return cavity, epicardium

    def _right(self, size: float, epicardium: Array, depth: Array, length: float) -> Array:
        lobe = np.cos(np.clip(self._septal / self._plan.rv_width, -1, 1) * np.pi / 2) ** 0.65
        reach = size * lobe[None, :] * (_profile(depth, _RV_LENGTH * length) * (depth > 0))[:, None]
        return np.where(reach > 1.0, epicardium + reach, 0.0)

    def _cavity_volume(self, radius: Array, contraction: float) -> float:
        depth, length = self._depth(contraction)
        return self.volume(radius * _profile(depth, length)[:, None] * (depth > 0)[:, None])

    def _rv_volume(self, size: float, contraction: float) -> float:
        depth, length = self._depth(contraction)
        _, epicardium = self._left(self._contracted(self._shortening * contraction), depth, length)
        rv = self._right(size, epicardium, depth, length)
        return self.volume(rv) - self.volume(np.where(rv > 0, epicardium, 0.0))

    def volume(self, radii: Array) -> float:
        """Return the volume in mL that radii [nz, ANGLES] enclose, as the sum over slices."""
        return float((radii**2).sum() * (np.pi / ANGLES) * self._mm / 1000.0)


def contraction_curve(frames: int, systole: int) -> Array:
    """Return the contraction of each frame: 0 at frame 0, 1 at ``systole``, then rapid filling and an atrial kick.

    Args:
        frames: Number of frames in the cycle.
        systole: Index of the end-systolic frame, from 0.
    """
    index = np.arange(frames)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.minimum(index / systole, 1))
    phase = np.maximum(index - systole, 0) / (frames - systole)
    early = np.clip(phase / 0.5, 0, 1)
    late = np.clip((phase - 0.75) / 0.25, 0, 1)
    filled = 0.8 * (3 * early**2 - 2 * early**3) + 0.2 * (3 * late**2 - 2 * late**3)
    return np.where(index <= systole, rise, 1 - filled)


def _profile(depth: Array, length: float) -> Array:
    # Half an ellipsoid: full width at the base, a point at the apex.
    return np.sqrt(np.clip(1 - (depth / length) ** 2, 0, 1))


def _window(angle: Array, half_width: float) -> Array:
    # 1 inside the sector, with edges a quarter of its half-width wide.
    distance = np.abs(np.angle(np.exp(1j * angle)))
    return np.clip((half_width - distance) / (0.25 * half_width) + 0.5, 0, 1)


def _solve(function: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Return where a rising function reaches a value, by 40 halvings."""
    if not function(low) <= target <= function(high):
        raise ValueError(f"no solution between {low:g} and {high:g}")
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if function(middle) < target else (low, middle)
    return 0.5 * (low + high)
