import numpy as np
import pandas as pd
import pytest

from sixgig.cohorts.copies import find_copies
from sixgig.cohorts.likeness import near_pairs, standardise
from sixgig.cohorts.looks import look
from sixgig.tables.cohorts import MANIFEST
from tests.unit.cohorts.tiny_copies import TURNS, alike, cohort, recompressed, scenes


def _links(rows, images):
    manifest = MANIFEST.check(pd.DataFrame(rows), "manifest")
    return [(link.first, link.second, link.kind, link.orientation) for link in find_copies(look(manifest, images))]


def _one_each(pictures):
    return cohort(pictures, [f"s{i}" for i in range(len(pictures))], ["a"] * len(pictures))


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_and_recompressed_copy_is_found_in_its_orientation(turn: str) -> None:
    pictures = list(scenes(5))
    pictures.append(recompressed(TURNS[turn](pictures[2])))
    assert _links(*_one_each(pictures)) == [(2, 5, "near", turn)]


def test_other_sizes_and_contrasts_are_copies_too() -> None:
    pictures = list(scenes(40))
    pictures += [(0.6 * pictures[3] + 50).astype(np.uint8), recompressed(np.fliplr(pictures[7]), 30)]
    assert _links(*_one_each(pictures)) == [(3, 40, "near", "as it is"), (7, 41, "near", "mirrored left-right")]


def test_same_pixels_are_identical_and_turned_ones_near() -> None:
    pictures = list(scenes(3))
    pictures += [pictures[0], np.rot90(pictures[1])]
    found = _links(*_one_each(pictures))
    assert found == [(0, 3, "identical", "as it is"), (1, 4, "near", "rotated left by 90 degrees")]


def test_unrelated_pictures_are_no_copies() -> None:
    assert _links(*_one_each(list(scenes(60)))) == []


def test_pictures_of_one_kind_are_no_copies_but_a_copy_among_them_is() -> None:
    pictures = alike(90)
    small = standardise(pictures[:, None].astype(np.float32)).reshape(90, -1)
    assert np.median(small @ small.T) > 0.98  # correlation alone would call most pairs copies
    pictures = [*pictures, recompressed(np.flipud(pictures[11]), 90)]
    assert _links(*_one_each(pictures)) == [(11, 90, "near", "mirrored up-down")]


def test_two_that_are_like_no_third_one_need_less_evidence() -> None:
    rng = np.random.default_rng(0)
    shared, own = scenes(4, side=28, seed=9).astype(float), scenes(120, side=28).astype(float) - 128
    shared -= shared.mean(axis=(1, 2), keepdims=True)
    pictures = np.tensordot(rng.normal(size=(120, 4)), shared, 1) + 0.3 * own
    copies = pictures[7] + rng.normal(0, 6, (2, 28, 28))  # the noise is nearly as strong as what is its own
    two, three = (np.concatenate([pictures, copies[:n]])[:, None].astype(np.float32) for n in (1, 2))
    assert [pair[:2] for pair in near_pairs(standardise(two))] == [(7, 120)]
    assert near_pairs(standardise(three)) == []


def test_flat_and_blank_pictures_are_not_compared() -> None:
    rng = np.random.default_rng(0)
    blank = np.full((56, 56), 7, np.uint8)
    faint = [(100 + (rng.uniform(size=(56, 56)) < 0.001)).astype(np.uint8) for _ in range(2)]
    rows, images = _one_each([*scenes(3), blank, blank, *faint])
    looks = look(MANIFEST.check(pd.DataFrame(rows), "manifest"), images)
    assert (looks.n_blank, looks.n_flat, find_copies(looks)) == (2, 4, [])


def test_copies_within_a_subject_are_no_concern() -> None:
    pictures = list(scenes(3))
    rows, images = cohort([*pictures, pictures[0], np.fliplr(pictures[1])], ["p", "p", "q", "p", "p"], ["a"] * 5)
    assert _links(rows, images) == []


def test_every_holder_of_the_same_pixels_hangs_together() -> None:
    picture = scenes(1)[0]
    rows, images = cohort([picture] * 4, ["p", "p", "q", "r"], ["a"] * 4)
    links = _links(rows, images)
    assert {frozenset(link[:2]) for link in links} == {frozenset(pair) for pair in [(0, 2), (1, 2), (0, 3)]}


def test_volumes_are_compared_whole_and_not_slice_by_slice() -> None:
    planes = scenes(33, side=32)
    one, other = planes[:16], planes[16:32]
    mixed = np.concatenate([one[:8], other[8:]])  # half of its slices look like those of `one`
    copy = np.stack([recompressed(np.fliplr(plane)) for plane in other])
    nudged = [np.clip(plane.astype(int) + 1, 0, 255).astype(np.uint8) for plane in mixed]
    volumes = {"v0": one, "v1": other, "v2": nudged, "v3": copy}
    names = [name for name, own in volumes.items() for _ in own]
    columns = {"volume_id": names, "slice": list(range(16)) * 4}
    rows, images = cohort([plane for own in volumes.values() for plane in own], names, ["a"] * 64, **columns)
    assert _links(rows, images) == [(1, 3, "near", "mirrored left-right")]


def test_no_pair_is_lost_by_looking_at_low_frequencies_first() -> None:
    rng = np.random.default_rng(1)
    rough = rng.uniform(0, 255, (50, 1, 48, 48)).astype(np.float32)  # white noise: little energy at low frequencies
    rough[40:] = np.rot90(rough[:10], axes=(2, 3)) + rng.normal(0, 10, (10, 1, 48, 48))
    pairs = near_pairs(standardise(rough))
    assert [(pair.first, pair.second) for pair in pairs] == [(i, 40 + i) for i in range(10)]
    assert {pair.orientation for pair in pairs} == {"rotated left by 90 degrees"}
    assert all(0.98 < pair.r < 1 for pair in pairs)
