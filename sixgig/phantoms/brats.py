"""Simulated cohort in the layout of BraTS 2020: four modalities, a segmentation and the grade of each subject."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sixgig.errors import ConfigError
from sixgig.phantoms.brain import MIN_FIELD_OF_VIEW, TISSUES, brain_frame, draw_brain, tissue_fractions
from sixgig.phantoms.cohort import balanced_class, save_nifti, subject_rng, write_subjects
from sixgig.phantoms.fields import FloatArray, SmoothField
from sixgig.phantoms.signal import BRAIN, CoilBias, Tissue, add_rician_noise, flair, nulling_time, spin_echo
from sixgig.phantoms.tumour import OEDEMA, RIM, draw_tumour, push_aside, tumour_fractions
from sixgig.runtime.atomic import write_text

FOLDER = "MICCAI_BraTS2020_TrainingData"
MODALITIES = ("flair", "t1", "t1ce", "t2")
MAX_SHAPE = (240, 240, 155)
#: Two grades cannot be compared on fewer subjects; five is also the block in which the grades are mixed.
MIN_SUBJECTS = 5

_KIND = 1  # enters every seed
# Real BraTS 2020 has 293 HGG and 76 LGG; 60 to 40 leaves enough of both in a small cohort.
_GRADES = ("HGG", "HGG", "HGG", "LGG", "LGG")
_SLAB_VOXELS = 250_000  # voxels computed at a time: about 60 arrays of 1 MB
_AGENT_IN_GREY = 0.04  # mmol/L, from the blood in the cortex; white matter holds about half
_COLUMNS = (
    "Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,BraTS_2019_subject_ID,BraTS_2020_subject_ID"
)


@dataclass(frozen=True)
class _Scanner:
    """What belongs to the examination, not to the subject, and never to the grade."""

    scale: tuple[float, ...]
    noise: tuple[float, ...]
    signals: tuple[tuple[float, ...], ...]  # per modality: TISSUES, white-matter change, core, enhancing, oedema


def subject_name(index: int) -> str:
    """Return the folder name of subject ``index`` (from 0): ``BraTS20_Training_001``."""
    return f"BraTS20_Training_{index + 1:03d}"


def grade_of(seed: int, index: int) -> str:
    """Return the grade of subject ``index``: ``HGG`` or ``LGG``, three to two in every five subjects."""
    return balanced_class(seed, _KIND, index, _GRADES)


def write_cohort(
    root: Path,
    *,
    subjects: int,
    shape: tuple[int, int, int],
    spacing: float,
    seed: int,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write the cohort under ``root``; see :func:`sixgig.phantoms.writing.write_phantom`.

    Raises:
        ConfigError: The matrix is larger than BraTS's, the brain does not fit, or there are too few subjects.
    """
    place = f"phantom {root}"
    if subjects < MIN_SUBJECTS:
        raise ConfigError(
            place, f"subjects is {subjects}, fewer than {MIN_SUBJECTS}", f"set subjects to {MIN_SUBJECTS} or more"
        )
    if any(size > limit for size, limit in zip(shape, MAX_SHAPE, strict=True)):
        raise ConfigError(
            place, f"shape {list(shape)} is larger than BraTS's 240 x 240 x 155", "ask for a smaller shape"
        )
    lengths = (shape[0] * spacing, shape[1] * spacing, shape[2] * spacing)
    if any(length < need for length, need in zip(lengths, MIN_FIELD_OF_VIEW, strict=True)) or spacing > 10:
        needed = " x ".join(f"{need:.0f}" for need in MIN_FIELD_OF_VIEW)
        raise ConfigError(
            place,
            f"shape {list(shape)} at {spacing:g} mm covers {' x '.join(f'{n:.0f}' for n in lengths)} mm; a brain needs"
            f" {needed} mm at a spacing of at most 10 mm",
            f"set shape times spacing to at least {needed} mm, for example [32, 32, 24] at 6 mm",
        )
    parent = root / FOLDER
    names = [subject_name(index) for index in range(subjects)]
    record = {"kind": "brats", "shape": list(shape), "spacing": spacing, "seed": seed}
    write = functools.partial(write_subject, shape=shape, spacing=spacing, seed=seed)
    write_subjects(parent, names, record, write, workers, progress)
    rows = [f"{grade_of(seed, index)},NA,NA,NA,NA,{name}" for index, name in enumerate(names)]
    write_text(parent / "name_mapping.csv", "\n".join([_COLUMNS, *rows]) + "\n")
    write_text(parent / "survival_info.csv", _survival_table(names, seed))


def write_subject(index: int, folder: Path, *, shape: tuple[int, int, int], spacing: float, seed: int) -> None:
    """Write the five files of subject ``index`` into ``folder``.

    Args:
        index: Subject, from 0.
        folder: Existing folder.
        shape: Voxels along x, y, z.
        spacing: Voxel size in mm.
        seed: The cohort's seed.
    """
    images, labels = simulate(index, shape=shape, spacing=spacing, seed=seed)
    affine = np.diag([-spacing, -spacing, spacing, 1.0])
    affine[1, 3] = (shape[1] - 1) * spacing  # 239 for the real matrix: BraTS's own offset
    for name, volume in [*images.items(), ("seg", labels)]:
        path = folder / f"{subject_name(index)}_{name}.nii.gz"
        save_nifti(path, volume.T, affine, (spacing, spacing, spacing))


def simulate(
    index: int, *, shape: tuple[int, int, int], spacing: float, seed: int
) -> tuple[dict[str, npt.NDArray[np.int16]], npt.NDArray[np.int16]]:
    """Compute one subject.

    The volume is made in slabs of slices, so that memory stays small at 240 x 240 x 155; every random source is a
    smooth field or a stream in voxel order, so slabs do not change the result.

    Args:
        index: Subject, from 0.
        shape: Voxels along x, y, z.
        spacing: Voxel size in mm.
        seed: The cohort's seed.

    Returns:
        The modalities by name and the labels (0, 1 core, 2 oedema, 4 enhancing), int16 [nz, ny, nx].
    """
    rng = subject_rng(seed, _KIND, index, 0)
    lengths = (shape[0] * spacing, shape[1] * spacing, shape[2] * spacing)
    brain = draw_brain(rng, lengths)
    tumour = draw_tumour(rng, brain, grade_of(seed, index), lengths)
    scanner = _draw_scanner(subject_rng(seed, _KIND, index, 1), tumour.core_tissue, tumour.agent)
    zyx = lengths[::-1]
    field_rng = subject_rng(seed, _KIND, index, 2)
    biases = [CoilBias(field_rng, zyx, float(field_rng.uniform(0.06, 0.2))) for _ in MODALITIES]
    texture = SmoothField(field_rng, zyx, [4.5] * 3)
    noise_rngs = [subject_rng(seed, _KIND, index, 3 + stream) for stream in range(2 * len(MODALITIES))]

    x, y, z = (((np.arange(n) + 0.5) * spacing).astype(np.float32) for n in shape)
    images = {name: np.zeros(shape[::-1], np.int16) for name in MODALITIES}
    labels = np.zeros(shape[::-1], np.int16)
    thickness = max(1, _SLAB_VOXELS // (shape[0] * shape[1]))
    for start in range(0, shape[2], thickness):
        slab = slice(start, min(start + thickness, shape[2]))
        position, outside = push_aside(tumour, brain_frame(brain, x, y, z[slab]))
        grid = (z[slab], y, x)
        healthy, lesion, depth = tissue_fractions(
            brain, position, brain.sulci.sample(*grid), brain.wobble.sample(*grid), spacing
        )
        patches = tumour.patches.sample(*grid)
        parts = tumour_fractions(tumour, outside, tumour.surface.sample(*grid), patches, healthy[3], healthy[0])
        inside = depth > 0
        labels[slab] = _label(parts) * inside
        rest = 1 - parts.sum(axis=0)
        lesion *= rest
        healthy *= rest
        healthy[3] -= lesion
        grain = 1 + np.float32(0.025) * texture.sample(*grid)
        grain += np.float32(tumour.texture) * patches * (parts[0] + parts[1])
        shares = [*healthy, lesion, *parts]
        for number, name in enumerate(MODALITIES):
            signal = np.zeros(depth.shape, np.float32)
            for share, level in zip(shares, scanner.signals[number], strict=True):
                signal += share * np.float32(level)
            signal *= grain
            signal *= biases[number].sample(*grid)
            np.maximum(signal, np.float32(0), out=signal)
            add_rician_noise(signal, scanner.noise[number], *noise_rngs[2 * number : 2 * number + 2])
            signal *= np.float32(scanner.scale[number])
            # Brain voxels stay above 0: in BraTS, 0 means outside the brain.
            images[name][slab] = np.clip(np.rint(signal), 1, 32767).astype(np.int16) * inside
    return images, labels


def _label(parts: FloatArray) -> npt.NDArray[np.int16]:
    core, enhancing, oedema = parts
    labels = np.where(oedema > np.float32(0.45), np.int16(2), np.int16(0))
    solid = core + enhancing > np.float32(0.5)
    return np.where(solid, np.where(enhancing > core, np.int16(4), np.int16(1)), labels).astype(np.int16)


def _draw_scanner(rng: np.random.Generator, core: Tissue, agent: float) -> _Scanner:
    field = 1.5 if rng.random() < 0.5 else 3.0
    healthy = [BRAIN[field][name].varied(rng, 0.05) for name in TISSUES]
    longer = 1.0 if field == 1.5 else 1.25
    ill = [Tissue(t.t1 * longer, t.t2, t.pd).varied(rng, 0.08) for t in (OEDEMA, core, RIM, OEDEMA)]
    # The rim of age-related change is a mixture of white matter and water.
    change = Tissue((healthy[3].t1 + ill[0].t1) / 2, (healthy[3].t2 + ill[0].t2) / 2, 0.84)
    plain = [*healthy, change, *ill[1:]]
    agents = (0.0, _AGENT_IN_GREY, _AGENT_IN_GREY, _AGENT_IN_GREY / 2, 0.0, 0.03, agent, 0.02)
    enhanced = [tissue.with_agent(amount) for tissue, amount in zip(plain, agents, strict=True)]
    tr, te = float(rng.uniform(480, 680)), float(rng.uniform(9, 16))
    t2_tr, t2_te = float(rng.uniform(4000, 6500)), float(rng.uniform(82, 110))
    ir_tr, ir_te = float(rng.uniform(8500, 10500)), float(rng.uniform(105, 140))
    ti = nulling_time(healthy[0].t1, ir_tr, ir_te) * float(rng.uniform(0.96, 1.04))
    signals = (
        tuple(flair(tissue, ir_tr, ir_te, ti) for tissue in plain),
        tuple(spin_echo(tissue, tr, te) for tissue in plain),
        tuple(spin_echo(tissue, tr, te) for tissue in enhanced),
        tuple(spin_echo(tissue, t2_tr, t2_te) for tissue in plain),
    )
    white = [levels[3] for levels in signals]
    return _Scanner(
        # Scanners store arbitrary units: white matter lands anywhere between 150 and 900.
        scale=tuple(float(rng.uniform(150, 900)) / level for level in white),
        noise=tuple(float(rng.uniform(0.015, 0.05)) * level for level in white),
        signals=signals,
    )


def _survival_table(names: list[str], seed: int) -> str:
    # As in BraTS, survival is listed for part of the subjects; here for the HGG.
    rows = ["Brats20ID,Age,Survival_days,Extent_of_Resection"]
    for index, name in enumerate(names):
        if grade_of(seed, index) == "HGG":
            rng = subject_rng(seed, _KIND, index, 99)
            age, days = float(np.clip(rng.normal(60, 12), 20, 86)), int(np.exp(rng.normal(5.8, 0.8))) + 5
            rows.append(f"{name},{age:.3f},{days},{('GTR', 'STR', 'NA')[int(rng.integers(3))]}")
    return "\n".join(rows) + "\n"
