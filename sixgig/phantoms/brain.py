"""A simulated brain without skull: tissue fractions from ellipsoids, with gyri, sulci and ventricles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sixgig.phantoms.fields import FloatArray, SmoothField, ramp

#: Smallest field of view (x, y, z in mm) that holds every brain drawn here.
MIN_FIELD_OF_VIEW = (150.0, 184.0, 124.0)

#: Tissues in the order of the fractions' first axis.
TISSUES = ("csf", "grey", "deep", "white")

_SULCUS_STEP = 8.0  # mm between field coefficients: gyri are about twice as wide
_SULCUS_DEPTH = 19.0  # mm that sulci reach below the surface


@dataclass(frozen=True)
class Ellipsoid:
    """Centre and semi-axes in mm, in the brain's frame: X to the subject's left, Y to the front, Z up."""

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]

    def depth(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Return the approximate distance inside the surface, in mm (exact on the surface to first order)."""
        u, v, w = (
            (axis - np.float32(c)) * np.float32(1.0 / r)
            for axis, c, r in zip((x, y, z), self.centre, self.radii, strict=True)
        )
        length = np.sqrt(u * u + v * v + w * w)
        return (np.float32(1) - length) * np.float32(np.prod(self.radii) ** (1 / 3))


@dataclass(frozen=True)
class Brain:
    """The anatomy of one subject; every length in mm.

    Attributes:
        centre: Centre of the brain in the volume, array axes (x, y, z).
        rotation: 3 x 3, volume axes to the brain's frame.
        outer: Shapes whose union is the brain.
        ventricles: Shapes whose union is the ventricular system.
        nuclei: Deep grey nuclei.
        cortex: Thickness of the cortical ribbon.
        sulcus_width: Half-width of the fluid in a sulcus; atrophy widens it.
        white_lesion: Width of the rim of age-related white-matter change around the ventricles, 0 for none.
        sulci: Field whose zero level set is the sulci.
        wobble: Field that makes every surface irregular.
    """

    centre: tuple[float, float, float]
    rotation: npt.NDArray[np.float32]
    outer: tuple[Ellipsoid, ...]
    ventricles: tuple[Ellipsoid, ...]
    nuclei: tuple[Ellipsoid, ...]
    cortex: float
    sulcus_width: float
    white_lesion: float
    sulci: SmoothField
    wobble: SmoothField


def draw_brain(rng: np.random.Generator, lengths: tuple[float, float, float]) -> Brain:
    """Draw a subject's anatomy.

    Args:
        rng: Source of the draws.
        lengths: Field of view along the array's axes (x, y, z) in mm.
    """
    size = float(np.clip(rng.normal(0.975, 0.03), 0.91, 1.03))
    wide, long, high = (size * float(np.clip(rng.normal(1.0, 0.02), 0.96, 1.04)) for _ in range(3))
    fluid = float(np.exp(0.22 * rng.standard_normal()))  # ventricle size, from young to atrophic
    pitch, roll, yaw = np.deg2rad(rng.normal(0.0, (4.0, 2.5, 3.0)))
    shift = rng.uniform(-1.5, 1.5, 3)

    def shape(x: float, y: float, z: float, a: float, b: float, c: float) -> Ellipsoid:
        jitter = rng.normal(1.0, 0.03, 3)
        return Ellipsoid(
            (x * wide, y * long, z * high),
            (a * wide * float(jitter[0]), b * long * float(jitter[1]), c * high * float(jitter[2])),
        )

    def pair(x: float, y: float, z: float, a: float, b: float, c: float) -> tuple[Ellipsoid, Ellipsoid]:
        return shape(-x, y, z, a, b, c), shape(x, y, z, a, b, c)

    outer = (
        Ellipsoid((0.0, 0.0, 4.0 * high), (65.0 * wide, 82.0 * long, 53.0 * high)),
        *pair(40.0, 10.0, -26.0, 22.0, 40.0, 22.0),  # temporal lobes
        *pair(24.0, -46.0, -34.0, 31.0, 30.0, 21.0),  # cerebellum
        shape(0.0, -18.0, -42.0, 13.0, 14.0, 26.0),  # brain stem
    )
    v = fluid
    ventricles = (
        *pair(8.0 + 3.0 * v, 24.0, 9.0, 5.0 * v, 23.0, 8.0 * v),  # frontal horns
        *pair(12.0 + 4.0 * v, -6.0, 14.0, 6.0 * v, 30.0, 7.5 * v),  # bodies
        *pair(22.0 + 3.0 * v, -33.0, 6.0, 6.5 * v, 21.0, 9.5 * v),  # atria and occipital horns
        shape(0.0, -4.0, -2.0, 2.2 * v, 13.0, 11.0),  # third ventricle
        shape(0.0, -36.0, -32.0, 6.0 * v, 5.0, 8.0),  # fourth ventricle
    )
    nuclei = (
        *pair(15.0 + 4.0 * v, 17.0, 5.0, 4.5, 14.0, 8.0),  # caudate heads
        *pair(28.0, 4.0, -2.0, 6.5, 17.0, 10.0),  # putamen and pallidum
        *pair(12.0 + 1.5 * v, -13.0, 1.0, 8.5, 14.0, 9.5),  # thalami
    )
    zyx = lengths[::-1]
    return Brain(
        centre=(lengths[0] / 2 + float(shift[0]), lengths[1] / 2 + float(shift[1]), lengths[2] / 2 + float(shift[2])),
        rotation=_rotation(pitch, roll, yaw),
        outer=outer,
        ventricles=ventricles,
        nuclei=nuclei,
        cortex=float(rng.uniform(2.6, 3.4)),
        sulcus_width=float(np.clip(0.45 + 0.6 * (fluid - 1.0) + 0.12 * rng.standard_normal(), 0.15, 1.3)),
        white_lesion=float(max(0.0, rng.normal(-0.5, 2.0))),
        sulci=SmoothField(rng, zyx, [_SULCUS_STEP] * 3),
        wobble=SmoothField(rng, zyx, [22.0] * 3),
    )


def brain_frame(brain: Brain, x: FloatArray, y: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the coordinates of a slab's voxels in the brain's frame.

    Args:
        brain: The anatomy.
        x: Positions along the array's first axis, mm from the first voxel's outer edge, shape [nx].
        y: The same for the second axis, shape [ny].
        z: The same for the third axis, shape [nz].

    Returns:
        X, Y, Z in mm, each float32 [nz, ny, nx]. The array's y axis points to the back, Y to the front.
    """
    u = (x - np.float32(brain.centre[0]))[None, None, :]
    v = (np.float32(brain.centre[1]) - y)[None, :, None]
    w = (z - np.float32(brain.centre[2]))[:, None, None]
    turn = brain.rotation
    first, second, third = (turn[i, 0] * u + turn[i, 1] * v + turn[i, 2] * w for i in range(3))
    return first, second, third


def outer_depth(brain: Brain, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Return the distance inside the brain's smooth outer surface in mm; arguments in the brain's frame."""
    depth = brain.outer[0].depth(x, y, z)
    for part in brain.outer[1:]:
        np.maximum(depth, part.depth(x, y, z), out=depth)
    return depth


def tissue_fractions(
    brain: Brain,
    position: tuple[FloatArray, FloatArray, FloatArray],
    sulci: FloatArray,
    wobble: FloatArray,
    voxel: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what each voxel holds.

    Args:
        brain: The anatomy.
        position: X, Y, Z in the brain's frame (pushed aside by a tumour, if there is one), each [nz, ny, nx].
        sulci: Samples of ``brain.sulci``, [nz, ny, nx].
        wobble: Samples of ``brain.wobble``, [nz, ny, nx].
        voxel: Voxel size in mm: the width of partial-volume edges.

    Returns:
        Fractions float32 [4, nz, ny, nx] in the order of ``TISSUES`` (they add up to 1), the fraction of white-matter
        change [nz, ny, nx], and the distance inside the brain in mm [nz, ny, nx].
    """
    x, y, z = position
    depth = outer_depth(brain, x, y, z)
    depth += np.float32(1.2) * wobble
    # A sulcus is where the field changes sign; |field| / gradient is the distance to it. Below the cortex, sulci end.
    sheet = np.abs(sulci) * np.float32(_SULCUS_STEP)
    sheet += np.maximum(depth - np.float32(_SULCUS_DEPTH) - 3 * wobble, np.float32(0))
    # Between the hemispheres, above the corpus callosum and in front of and behind it.
    callosum = np.maximum(np.float32(22) - z, np.float32(0)) - np.maximum(np.abs(y) - np.float32(42), np.float32(0))
    fissure = np.abs(x + np.float32(0.8) * wobble) + np.maximum(callosum, np.float32(0))
    cortical = np.minimum(np.minimum(sheet, fissure) + np.float32(0.4), depth)

    ventricle = brain.ventricles[0].depth(x, y, z)
    for part in brain.ventricles[1:]:
        np.maximum(ventricle, part.depth(x, y, z), out=ventricle)
    ventricle += np.float32(0.5) * wobble
    nucleus = brain.nuclei[0].depth(x, y, z)
    for part in brain.nuclei[1:]:
        np.maximum(nucleus, part.depth(x, y, z), out=nucleus)

    fractions = np.empty((4, *x.shape), np.float32)
    fluid = ramp(np.float32(brain.sulcus_width) - cortical, voxel)
    np.maximum(fluid, ramp(ventricle, voxel), out=fluid)
    grey = ramp(np.float32(brain.sulcus_width + brain.cortex) - cortical, voxel)
    deep = ramp(nucleus + np.float32(0.5) * wobble, voxel)
    rest = 1 - fluid
    fractions[0] = fluid
    fractions[1] = rest * grey
    rest *= 1 - grey
    fractions[2] = rest * deep
    rest *= 1 - deep
    fractions[3] = rest
    if brain.white_lesion > 0:
        lesion = ramp(ventricle + np.float32(brain.white_lesion) * (1 + wobble), 2 * voxel) * rest
    else:
        lesion = np.zeros_like(rest)
    return fractions, lesion, depth


def _rotation(pitch: float, roll: float, yaw: float) -> npt.NDArray[np.float32]:
    (a, b, c), (p, q, r) = np.cos((pitch, roll, yaw)), np.sin((pitch, roll, yaw))
    about_x = np.array([[1, 0, 0], [0, a, -p], [0, p, a]])
    about_y = np.array([[b, 0, q], [0, 1, 0], [-q, 0, b]])
    about_z = np.array([[c, -r, 0], [r, c, 0], [0, 0, 1]])
    # Products of 3 x 3 matrices, written so that no BLAS is involved.
    return np.einsum("ij,jk,kl->il", about_z, about_y, about_x).astype(np.float32)
