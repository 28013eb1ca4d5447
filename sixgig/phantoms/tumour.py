"""A simulated glioma: where it sits, what it looks like, and how that follows its grade, with overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sixgig.phantoms.brain import Brain, outer_depth
from sixgig.phantoms.fields import FloatArray, SmoothField, ramp
from sixgig.phantoms.signal import Tissue

# ---- Difficulty: the only numbers that decide how well HGG and LGG can be told apart --------------------------------
#: Distance between the grades' means of the latent aggressiveness, in its standard deviations. A reader who saw the
#: latent value itself would reach the accuracy Phi(SEPARATION / 2): 2.5 gives 0.89, 3.5 gives 0.96, 4.5 gives 0.99.
#: Features of a pretrained network see it through a few slices, noise and coil bias, and stay far below.
SEPARATION = 4.6
#: Share of tumours of either grade that do not look like it: their latent value is drawn halfway between the grades.
#: Half of these look more like the other grade, so this share over two bounds every method's error from below.
ATYPICAL = 0.07
#: Standard deviation of what each visible sign adds to the latent value by itself. More makes single signs unreliable
#: (some LGG enhance a little, some HGG have no ring), so that several must be combined.
SIGN_SPREAD = 0.7
#: Steepness of the signs: small values keep all tumours alike, large ones push them to the two extremes.
SIGN_STEEPNESS = 1.6
# ---------------------------------------------------------------------------------------------------------------------

#: Tumour tissues at 1.5 T in the order of the fractions' first axis; times lengthened by water, from the ranges in
#: Just and Thelen 1988, Radiology 169. T1 is longer by a quarter at 3 T.
PARTS = ("core", "enhancing", "oedema")
SOLID = Tissue(1000.0, 165.0, 0.92)
NECROSIS = Tissue(1900.0, 240.0, 0.96)
RIM = Tissue(1000.0, 120.0, 0.90)
OEDEMA = Tissue(950.0, 145.0, 0.90)


@dataclass(frozen=True)
class Tumour:
    """One tumour; lengths in mm, in the brain's frame.

    Attributes:
        centre: Where it grew from.
        radii: Semi-axes of the core.
        irregularity: Amplitude of the surface's waves, mm.
        edge: Width of the transition to the brain, mm.
        ring: Thickness of the part that may enhance, mm.
        coverage: Fraction of that part that enhances, 0 to 1.
        agent: Concentration of contrast agent there, mmol/L.
        necrosis: 0 (solid) to 1 (fluid) core.
        texture: Relative amplitude of the core's inner variation.
        oedema: Mean width of the surrounding oedema, mm.
        push: Mass effect: how far the brain at the surface is pushed away, mm.
        surface: Field of the surface's waves.
        patches: Field that decides which parts enhance and gives the texture.
    """

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    irregularity: float
    edge: float
    ring: float
    coverage: float
    agent: float
    necrosis: float
    texture: float
    oedema: float
    push: float
    surface: SmoothField
    patches: SmoothField

    @property
    def core_tissue(self) -> Tissue:
        """The core's mean tissue, between solid tumour and necrosis."""
        share = self.necrosis
        return Tissue(*((1 - share) * a + share * b for a, b in zip(_times(SOLID), _times(NECROSIS), strict=True)))


def draw_tumour(rng: np.random.Generator, brain: Brain, grade: str, lengths: tuple[float, float, float]) -> Tumour:
    """Draw a tumour whose signs follow the grade statistically.

    A latent aggressiveness is normal with a mean set by the grade; each sign is a sigmoid of it plus a part of its own.
    HGG tends to a ring that enhances around necrosis, wide oedema and mass effect, LGG to a solid, homogeneous core
    with a sharper border (Louis et al. 2016, Acta Neuropathol 131; Upadhyay and Waldman 2011, Br J Radiol 84).

    Args:
        rng: Source of the draws.
        brain: The anatomy it grows in.
        grade: ``HGG`` or ``LGG``.
        lengths: Field of view along the array's axes (x, y, z) in mm.
    """
    typical = 0.0 if rng.random() < ATYPICAL else (0.5 if grade == "HGG" else -0.5)
    latent = typical * SEPARATION + rng.standard_normal()

    def sign() -> float:
        value = latent + SIGN_SPREAD * rng.standard_normal()
        return float(1.0 / (1.0 + np.exp(-SIGN_STEEPNESS * value)))

    radius = float(np.clip(17.5 * np.exp(0.2 * rng.standard_normal()), 11.0, 25.0))
    stretch = np.exp(0.14 * rng.standard_normal(3))
    stretch /= np.prod(stretch) ** (1 / 3)
    ring = float(rng.uniform(3.0, 6.5))
    coverage, agent, necrosis, oedema, push, texture, edge = (sign() for _ in range(7))
    zyx = lengths[::-1]
    return Tumour(
        centre=_draw_centre(rng, brain, radius),
        radii=(radius * float(stretch[0]), radius * float(stretch[1]), radius * float(stretch[2])),
        irregularity=float(rng.uniform(1.2, 2.6)) * radius / 15.0,
        edge=1.0 + 2.5 * edge + float(rng.uniform(0.0, 1.5)),
        ring=ring,
        coverage=float(np.clip(1.15 * coverage - 0.12, 0.0, 1.0)),
        agent=0.1 + 1.4 * agent,
        necrosis=necrosis,
        texture=0.04 + 0.12 * texture,
        oedema=(3.0 + 13.0 * oedema) * float(np.exp(0.3 * rng.standard_normal())),
        push=(1.5 + 5.0 * push) * radius / 15.0,
        surface=SmoothField(rng, zyx, [11.0] * 3),
        patches=SmoothField(rng, zyx, [6.0] * 3),
    )


def push_aside(
    tumour: Tumour, position: tuple[FloatArray, FloatArray, FloatArray]
) -> tuple[tuple[FloatArray, FloatArray, FloatArray], FloatArray]:
    """Apply the mass effect, and measure how far each voxel is from the tumour.

    Args:
        tumour: The tumour.
        position: X, Y, Z of the voxels in the brain's frame, each [nz, ny, nx].

    Returns:
        The positions at which the voxels' tissue was before the tumour pushed it, and the distance outside the core's
        smooth surface in mm (negative inside), [nz, ny, nx].
    """
    offsets = [axis - np.float32(c) for axis, c in zip(position, tumour.centre, strict=True)]
    scaled = sum((o * np.float32(1.0 / r)) ** 2 for o, r in zip(offsets, tumour.radii, strict=True))
    length = np.sqrt(np.asarray(scaled, np.float32))
    mean_radius = np.float32(np.prod(tumour.radii) ** (1 / 3))
    outside = (length - np.float32(1)) * mean_radius
    # Tissue at the surface comes from `push` mm further in; the effect fades over 25 mm and vanishes at the centre.
    fade = np.exp(np.maximum(outside, np.float32(0)) * np.float32(-1 / 25.0))
    fade *= np.minimum(length, np.float32(1)) * np.float32(tumour.push)
    fade /= np.maximum(length * mean_radius, np.float32(1e-3))
    x, y, z = (axis - offset * fade for axis, offset in zip(position, offsets, strict=True))
    return (x, y, z), outside


def tumour_fractions(
    tumour: Tumour, outside: FloatArray, surface: FloatArray, patches: FloatArray, white: FloatArray, fluid: FloatArray
) -> FloatArray:
    """Return the share of each voxel that is tumour.

    Args:
        tumour: The tumour.
        outside: Distance outside the smooth core in mm, [nz, ny, nx].
        surface: Samples of ``tumour.surface``, [nz, ny, nx].
        patches: Samples of ``tumour.patches``, [nz, ny, nx].
        white: White-matter fraction; oedema spreads along white matter.
        fluid: CSF fraction; oedema does not enter it.

    Returns:
        float32 [3, nz, ny, nx] in the order of ``PARTS``; the rest of the voxel is brain.
    """
    outside = outside + np.float32(tumour.irregularity) * surface
    core = ramp(-outside, tumour.edge)
    shell = ramp(outside + np.float32(tumour.ring), 1.5)
    # Which part of the shell enhances: where the patch field is below the quantile that gives the coverage.
    threshold = np.float32(_normal_quantile(tumour.coverage))
    enhancing = shell * ramp(threshold - patches, 0.6)
    width = np.float32(tumour.oedema) * (np.float32(0.35) + np.float32(0.65) * white + np.float32(0.35) * surface)
    oedema = ramp(width - outside, 3.0) * (np.float32(0.25) + np.float32(0.75) * white) * (1 - fluid)
    fractions = np.empty((3, *outside.shape), np.float32)
    fractions[0] = core * (1 - enhancing)
    fractions[1] = core * enhancing
    fractions[2] = (1 - core) * oedema
    return fractions


def _draw_centre(rng: np.random.Generator, brain: Brain, radius: float) -> tuple[float, float, float]:
    # Gliomas of adults grow in the hemispheres, mostly frontal and temporal, mostly in subcortical white matter.
    candidates = rng.uniform((-60.0, -60.0, -20.0), (60.0, 65.0, 45.0), (400, 3)).astype(np.float32)
    depth = outer_depth(brain, *(candidates[:, axis] for axis in range(3)))
    suitable = (depth > 0.85 * radius) & (depth < radius + 14.0) & (np.abs(candidates[:, 0]) > 14.0 + 0.3 * radius)
    suitable &= (candidates[:, 1] > -25.0) | (candidates[:, 2] > 0.0)
    chosen = candidates[np.flatnonzero(suitable)[0]] if suitable.any() else np.array([30.0, 10.0, 15.0])
    return float(chosen[0]), float(chosen[1]), float(chosen[2])


def _normal_quantile(share: float) -> float:
    from statistics import NormalDist

    # 0 and 1 must enhance nowhere and everywhere, so the ends lie beyond the field's range.
    return NormalDist().inv_cdf(float(np.clip(share, 1e-5, 1 - 1e-5)))


def _times(tissue: Tissue) -> tuple[float, float, float]:
    return tissue.t1, tissue.t2, tissue.pd
