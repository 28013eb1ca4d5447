"""Cine images of a simulated heart: signal of each voxel, chest around it, labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sixgig.phantoms.fields import FloatArray, SmoothField, ramp
from sixgig.phantoms.heart import ANGLES, Contours, Heart
from sixgig.phantoms.signal import CHEST, CoilBias, add_rician_noise, balanced_ssfp

#: Labels of the ground truth, as in ACDC.
RV, MYOCARDIUM, LV = 1, 2, 3
_RV_WALL = 3.0  # mm; unlabelled, as in ACDC
_ATRIAL_WALL = 2.5  # mm


@dataclass(frozen=True)
class Stack:
    """The short-axis stack: voxels along x, y, z, in-plane spacing and distance of slices in mm, heart axis in mm."""

    shape: tuple[int, int, int]
    spacing: float
    slice_mm: float
    axis: tuple[float, float]


class CineRenderer:
    """Draws the frames of one subject. What does not move is computed once.

    Args:
        heart: The geometry.
        stack: The slices.
        seed_rng: Source of everything random: scanner, chest, texture.
        noise: Two sources for the real and imaginary channel.
    """

    def __init__(
        self,
        heart: Heart,
        stack: Stack,
        rng: np.random.Generator,
        noise: tuple[np.random.Generator, np.random.Generator],
    ) -> None:
        self._heart, self._stack, self._noise = heart, stack, noise
        nx, ny, nz = stack.shape
        lengths = (nz * stack.slice_mm, ny * stack.spacing, nx * stack.spacing)
        x, y = (((np.arange(n) + 0.5) * stack.spacing).astype(np.float32) for n in (nx, ny))
        z = ((np.arange(nz) + 0.5) * stack.slice_mm).astype(np.float32)
        grid = (z, y, x)
        dx, dy = x[None, :] - np.float32(stack.axis[0]), y[:, None] - np.float32(stack.axis[1])
        self._radius: FloatArray = np.hypot(dx, dy)
        angle = np.arctan2(dy, dx) % (2 * np.pi)
        self._angle = np.minimum((angle * (ANGLES / (2 * np.pi))).astype(np.intp), ANGLES - 1)

        field = 1.5 if rng.random() < 0.7 else 3.0
        tr, flip = float(rng.uniform(2.8, 3.8)), float(rng.uniform(42, 65))
        self._levels = {
            name: balanced_ssfp(tissue.varied(rng, 0.06), tr, flip) for name, tissue in CHEST[field].items()
        }
        blood = self._levels["blood"]
        self._sigma = float(rng.uniform(0.025, 0.07)) * blood
        self._scale = float(rng.uniform(120, 500)) / blood
        bias = CoilBias(rng, lengths, float(rng.uniform(0.1, 0.25)), scale=70.0).sample(*grid)
        grain = SmoothField(rng, lengths, (12.0, 5.0, 5.0)).sample(*grid)
        self._factor = bias * (1 + np.float32(rng.uniform(0.03, 0.07)) * grain)
        self._flow = SmoothField(rng, lengths, (14.0, 9.0, 9.0)).sample(*grid)  # the signal of blood is uneven
        self._chest = self._draw_chest(rng, lengths, grid)
        self._papillary = self._draw_papillary(rng)

    def frame(self, contraction: float) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
        """Return image and labels at a contraction from 0 to 1, each [nz, ny, nx]."""
        contours = self._heart.contours(contraction)
        cavity, epicardium, right = (
            self._spread(radii) for radii in (contours.cavity, contours.epicardium, contours.rv)
        )
        width = self._stack.spacing
        radius = self._radius[None]
        in_cavity = ramp(cavity - radius, width) * (cavity > 0)
        in_heart = ramp(epicardium - radius, width) * (epicardium > 0)
        in_right = ramp(right - radius, width) * (right > 0) * (1 - in_heart)
        in_right_wall = ramp(right + np.float32(_RV_WALL) - radius, width) * (right > 0)

        muscle = np.float32(self._levels["myocardium"])
        blood = np.float32(self._levels["blood"]) * (1 + np.float32(0.07) * self._flow)
        signal = self._chest.copy()
        self._add_atria(signal, contours, blood)
        _paint(signal, in_right_wall, muscle)
        _paint(signal, in_right, blood)
        _paint(signal, in_heart, muscle)
        _paint(signal, in_cavity, blood)
        _paint(signal, self._papillary_share(contours) * in_cavity, muscle)
        signal *= self._factor
        add_rician_noise(signal, self._sigma, *self._noise)
        signal *= np.float32(self._scale)
        image = np.clip(np.rint(signal), 0, 32767).astype(np.int16)

        labels = np.zeros(signal.shape, np.uint8)
        labels[in_right > 0.5] = RV
        labels[in_heart > 0.5] = MYOCARDIUM
        labels[in_cavity > 0.5] = LV  # papillary muscles count as part of the cavity, as in ACDC
        return image, labels

    def _spread(self, radii: npt.NDArray[np.float64]) -> FloatArray:
        """Turn radii [nz, ANGLES] into the radius of the contour in each voxel's direction, [nz, ny, nx]."""
        return np.take(radii.astype(np.float32), self._angle, axis=1)

    def _add_atria(self, signal: FloatArray, contours: Contours, blood: FloatArray) -> None:
        # Above the base the slices meet the atria: blood without a thick wall, and no label.
        above = np.flatnonzero(contours.depth <= 0)
        below = np.flatnonzero(contours.depth > 0)
        if not above.size or not below.size:
            return
        base = below[np.argmin(contours.depth[below])]
        outline = np.maximum(contours.epicardium[base] * 0.86, contours.rv[base] * 0.92)[None, :]
        edge = self._spread(outline)[0] - self._radius
        atrium = ramp(edge, self._stack.spacing)
        wall = ramp(edge + np.float32(_ATRIAL_WALL), self._stack.spacing)
        septum = (
            ramp(
                np.float32(_ATRIAL_WALL) - np.abs(self._spread(contours.epicardium[base : base + 1])[0] - self._radius),
                self._stack.spacing,
            )
            * self._spread((contours.rv[base : base + 1] > 0).astype(np.float64))[0]
        )
        muscle = np.float32(self._levels["myocardium"])
        for z in above:
            _paint(signal[z], wall, muscle)
            _paint(signal[z], atrium, blood[z])
            _paint(signal[z], septum * atrium, muscle)

    def _papillary_share(self, contours: Contours) -> FloatArray:
        share = np.zeros((self._stack.shape[2], *self._radius.shape), np.float32)
        length = contours.depth.max()
        for angle, size, place in self._papillary:
            index = int(angle * ANGLES / (2 * np.pi)) % ANGLES
            for z, depth in enumerate(contours.depth):
                reach = contours.cavity[z, index]
                if reach > 6 and 0.2 * length < depth < 0.75 * length:
                    x, y = place * reach * np.cos(angle), place * reach * np.sin(angle)
                    dx = self._radius * np.cos((self._angle + 0.5) * (2 * np.pi / ANGLES)) - x
                    dy = self._radius * np.sin((self._angle + 0.5) * (2 * np.pi / ANGLES)) - y
                    disc = np.float32(min(size, 0.3 * reach)) - np.hypot(dx, dy).astype(np.float32)
                    np.maximum(share[z], ramp(disc, self._stack.spacing), out=share[z])
        return share

    def _draw_papillary(self, rng: np.random.Generator) -> list[tuple[float, float, float]]:
        start = float(rng.uniform(0, 2 * np.pi))
        return [
            (start + turn + float(rng.normal(0, 0.2)), float(rng.uniform(3.0, 5.0)), float(rng.uniform(0.6, 0.72)))
            for turn in (0.0, 2.1)
        ]

    def _draw_chest(
        self, rng: np.random.Generator, lengths: tuple[float, ...], grid: tuple[FloatArray, ...]
    ) -> FloatArray:
        """Lungs, liver, chest wall, fat around the heart and the aorta, [nz, ny, nx]; the heart is painted over it."""
        level = {name: np.float32(value) for name, value in self._levels.items()}
        width = self._stack.spacing
        wave = SmoothField(rng, lengths, (45.0, 22.0, 22.0)).sample(*grid)
        texture = SmoothField(rng, lengths, (10.0, 5.0, 5.0)).sample(*grid)
        chest = np.full(wave.shape, level["lung"]) * (1 + np.float32(0.35) * texture)
        z, y, x = grid
        dx = (x - np.float32(self._stack.axis[0]))[None, None, :]
        dy = (y - np.float32(self._stack.axis[1]))[None, :, None]
        side = rng.uniform(0.3, 1.2)
        down = np.float32(np.cos(side)) * dy - np.float32(np.sin(side)) * dx
        # The liver lies below the heart, and more of it is seen in apical slices.
        liver = down - np.float32(rng.uniform(38, 52)) + np.float32(6) * wave + (z[:, None, None] - z.mean()) * 0.15
        _paint(chest, ramp(liver.astype(np.float32), 2 * width), level["liver"] * (1 + np.float32(0.06) * texture))
        wall = -down - np.float32(rng.uniform(48, 62)) + np.float32(5) * wave
        _paint(chest, ramp(wall, 2 * width), level["muscle"] * (1 + np.float32(0.15) * texture))
        _paint(chest, ramp(wall - np.float32(rng.uniform(6, 14)), 2 * width), level["fat"])

        outline = self._heart.contours(0.0)
        base = int(np.argmax(outline.epicardium.sum(1)))
        contour = self._spread(np.maximum(outline.epicardium, outline.rv))
        contour = np.where(contour > 0, contour, 0.3 * contour[base])
        fat = float(rng.uniform(3.0, 9.0)) + 2.5 * wave - (self._radius[None] - contour)
        _paint(chest, ramp(fat, 2 * width), level["fat"] * (np.float32(0.8) + np.float32(0.08) * texture))

        turn, far = float(rng.uniform(0.6, 1.6)), float(rng.uniform(62, 78))
        ax, ay = far * np.cos(turn), far * np.sin(turn)
        aorta = np.float32(rng.uniform(9, 13)) - np.hypot(dx - np.float32(ax), dy - np.float32(ay))
        _paint(chest, np.broadcast_to(ramp(aorta, width), chest.shape), level["blood"])
        return chest.astype(np.float32)


def _paint(canvas: FloatArray, share: FloatArray, level: FloatArray | np.float32) -> None:
    """Replace a share of each voxel by another signal, in place."""
    canvas += share * (level - canvas)
