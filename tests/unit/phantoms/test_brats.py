"""What the grade does to a simulated tumour, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from sixgig.phantoms import brats
from sixgig.phantoms.brats import grade_of, simulate

SHAPE, SPACING, SEED, SUBJECTS = (50, 50, 34), 4.0, 3, 60


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, np.ndarray]]:
    """Per grade: measures of each subject."""
    rows: dict[str, list[dict[str, float]]] = {"HGG": [], "LGG": []}
    for index in range(SUBJECTS):
        images, labels = simulate(index, shape=SHAPE, spacing=SPACING, seed=SEED)
        brain = images["t1"] > 0
        healthy = brain & (labels == 0)
        tumour = (labels == 1) | (labels == 4)
        ratio = {name: np.median(image[healthy]) for name, image in images.items()}
        rows[grade_of(SEED, index)].append(
            {
                "t1ce_peak": float(np.percentile(images["t1ce"][tumour], 90) / ratio["t1ce"]),
                "t1_peak": float(np.percentile(images["t1"][tumour], 90) / ratio["t1"]),
                "flair": float(images["flair"][labels > 0].mean() / ratio["flair"]),
                "oedema": float((labels == 2).sum() / tumour.sum()),
                "enhancing": float((labels == 4).sum() / tumour.sum()),
                "volume_ml": float((labels > 0).sum() * SPACING**3 / 1000),
                "noise_free": float(np.median(images["t2"][healthy])),
            }
        )
    return {g: {key: np.array([row[key] for row in r]) for key in r[0]} for g, r in rows.items()}


def _auc(positive: np.ndarray, negative: np.ndarray) -> float:
    return float((positive[:, None] > negative[None, :]).mean() + 0.5 * (positive[:, None] == negative[None, :]).mean())


@pytest.mark.parametrize("sign", ["t1ce_peak", "enhancing", "oedema"])
def test_signs_follow_the_grade_with_overlap(table: dict[str, dict[str, np.ndarray]], sign: str) -> None:
    high, low = table["HGG"][sign], table["LGG"][sign]
    assert _auc(high, low) > 0.75
    assert low.max() > high.min()  # no threshold on one sign tells every subject's grade


def test_confounds_do_not_follow_the_grade(table: dict[str, dict[str, np.ndarray]]) -> None:
    assert 0.3 < _auc(table["HGG"]["noise_free"], table["LGG"]["noise_free"]) < 0.7


def test_only_contrast_agent_brightens_the_ring(table: dict[str, dict[str, np.ndarray]]) -> None:
    assert np.median(table["HGG"]["t1ce_peak"]) > 1.15 * np.median(table["HGG"]["t1_peak"])


def test_tumours_are_bright_in_flair_and_of_plausible_size(table: dict[str, dict[str, np.ndarray]]) -> None:
    for rows in table.values():
        assert np.median(rows["flair"]) > 1.15
        assert rows["volume_ml"].min() > 5
        assert rows["volume_ml"].max() < 350


@pytest.mark.parametrize("slab", [1, 7 * 50 * 50])
def test_slabs_do_not_change_the_volume(monkeypatch: pytest.MonkeyPatch, slab: int) -> None:
    reference, labels = simulate(0, shape=SHAPE, spacing=SPACING, seed=SEED)
    monkeypatch.setattr(brats, "_SLAB_VOXELS", slab)
    images, other = simulate(0, shape=SHAPE, spacing=SPACING, seed=SEED)
    np.testing.assert_array_equal(other, labels)
    for name, image in reference.items():
        np.testing.assert_array_equal(images[name], image)


def test_tissue_contrast_is_that_of_the_sequences() -> None:
    images, labels = simulate(1, shape=SHAPE, spacing=SPACING, seed=SEED)
    brain = (images["t1"] > 0) & (labels == 0)
    fluid = brain & (images["t2"] > np.percentile(images["t2"][brain], 99))
    assert images["t1"][fluid].mean() < 0.8 * images["t1"][brain].mean()  # water is dark in T1 where it is bright in T2


def test_every_five_subjects_hold_three_hgg() -> None:
    for block in range(4):
        assert [grade_of(9, 5 * block + place) for place in range(5)].count("HGG") == 3
    assert len({tuple(grade_of(9, 5 * block + place) for place in range(5)) for block in range(12)}) > 3
