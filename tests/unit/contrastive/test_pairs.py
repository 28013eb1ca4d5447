import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sixgig.contrastive.pairs import global_terms, random_terms
from sixgig.contrastive.pytorch.losses import global_loss
from sixgig.errors import TrainingError


def pairs_of(terms):
    return sorted(zip(terms.anchors.tolist(), terms.positives.tolist(), strict=True))


def both_ways(*pairs):
    return sorted([*pairs, *[(b, a) for a, b in pairs]])


def test_g_r_by_hand():
    # Three images: first views are 0, 1, 2 and second views 3, 4, 5.
    terms = random_terms(3)
    assert pairs_of(terms) == both_ways((0, 3), (1, 4), (2, 5))
    assert np.flatnonzero(terms.negatives[1]).tolist() == [0, 2, 3, 5]
    assert (terms.weight, terms.n_images) == (1 / 6, 6)


def test_g_d_minus_by_hand():
    # One volume of two partitions, B = 2: x is 0, 1; aug1 is 2, 3; aug2 is 4, 5. Even images are of partition 0.
    terms = global_terms("g_d_minus", 1, 2)
    assert pairs_of(terms) == both_ways((0, 2), (0, 4), (2, 4), (1, 3), (1, 5), (3, 5))
    assert np.flatnonzero(terms.negatives[2]).tolist() == [1, 3, 5]
    assert (terms.weight, terms.n_images) == (1 / 6, 6)


def test_g_d_by_hand():
    # Two partners, two partitions, B = 2: x_i is 0, 1; aug_i is 2, 3; x_j is 4, 5; aug_j is 6, 7.
    terms = global_terms("g_d", 1, 2)
    assert pairs_of(terms) == both_ways((0, 2), (0, 4), (4, 6), (2, 6), (1, 3), (1, 5), (5, 7), (3, 7))
    assert np.flatnonzero(terms.negatives[5]).tolist() == [0, 2, 4, 6]
    assert (terms.weight, terms.n_images) == (1 / 8, 8)


def test_reference_batching_by_hand():
    # Two groups of two partitions: slots 0-7 hold images, 8-15 are empty. Blocks of 2 slots are read as a ring, a quad
    # from every second block: (0, 1, 2, 3), (2, 3, 4, 5), (4, 5, 6, 7), (6, 7, 0, 1). Block k's partition 0 is slot 2k.
    blocks = [(0, 1, 2, 3), (2, 3, 4, 5), (4, 5, 6, 7), (6, 7, 0, 1)]
    wanted = [
        (2 * quad[a] + partition, 2 * quad[b] + partition)
        for partition in (0, 1)
        for quad in blocks
        for a, b in ((0, 1), (0, 2), (2, 3), (1, 3))
    ]
    terms = global_terms("g_d", 2, 2, reference_batching=True)
    assert pairs_of(terms) == both_ways(*wanted)
    assert (terms.weight, terms.n_images) == (1 / 16, 16)
    assert np.array_equal(terms.negatives, np.add.outer(np.arange(16), np.arange(16)) % 2 == 1)


def test_published_batch_of_12_joins_slices_of_unrelated_groups():
    """The defect that reference_batching is for: groups are 16 of 48 slots, a quarter of the pairs join two."""

    def crossing(terms):
        return (terms.anchors // 16 != terms.positives // 16).mean()

    corrected, published = (global_terms("g_d", 3, 4, reference_batching=flag) for flag in (False, True))
    assert corrected.n_images == published.n_images == 48
    assert crossing(corrected) == 0
    assert crossing(published) == 0.25
    assert len(published.anchors) == 2 * len(corrected.anchors) == 16 * 12
    assert published.weight == corrected.weight == 1 / 48
    assert (published.anchors >= 32).any()


@given(
    st.sampled_from([("g_r", False), ("g_d_minus", False), ("g_d", False), ("g_d", True)]),
    st.integers(2, 5),
    st.integers(2, 5),
)
def test_every_loss_is_well_formed(kind, volumes, partitions):
    loss, reference = kind
    terms = global_terms(loss, volumes, partitions, reference)
    batch_size = volumes * partitions
    per_slice = {("g_r", False): 2, ("g_d_minus", False): 6, ("g_d", False): 8, ("g_d", True): 16}[kind]
    assert len(terms.anchors) == len(terms.positives) == per_slice * batch_size
    assert terms.anchors.dtype == terms.positives.dtype == np.int32
    assert terms.negatives.dtype == bool
    assert terms.negatives.shape == (terms.n_images, terms.n_images)
    pairs = pairs_of(terms)
    assert pairs == sorted((b, a) for a, b in pairs)
    # The ring reads the third pair of a quad again as the first of the next.
    assert len(set(pairs)) == len(pairs) * (0.75 if reference else 1)
    assert set(terms.anchors.tolist()) == set(range(terms.n_images))
    assert all(a != b for a, b in pairs)
    # A positive is never a negative, no image is its own, being a negative is mutual, and every anchor has some.
    assert not terms.negatives[terms.anchors, terms.positives].any()
    assert not terms.negatives.diagonal().any()
    assert np.array_equal(terms.negatives, terms.negatives.T)
    assert terms.negatives.any(axis=1).all()
    assert math.isclose(terms.weight * batch_size, {"g_r": 1 / 2, "g_d_minus": 1 / 3, "g_d": 1 / 4}[loss])


def worked(loss, volumes, partitions, z, published=False):
    terms = global_terms(loss, volumes, partitions, published)
    z = torch.tensor(z, dtype=torch.float64)
    return global_loss(z, terms.anchors, terms.positives, terms.negatives, terms.weight, 1.0).item()


def test_g_r_worked_by_hand():
    # Two images, both views alike: (1, 0) and (0, 1). Every pair has cosine 1 and two negatives of cosine 0, so
    # l = log(1 + 2 / e) = 0.551445; four terms over 4.
    assert worked("g_r", 2, 1, [(1, 0), (0, 1)] * 2) == pytest.approx(0.551445, abs=1e-6)


def test_g_d_minus_worked_by_hand():
    # Two volumes, two partitions: partition 0 is (1, 0) everywhere, partition 1 is (0, 1), in all three views. Each
    # anchor has cosine 1 with its positive and 0 with the 6 images of the other partition: l = log(1 + 6 / e) =
    # log 3.207277 = 1.165422. Four slices, three pairs, two directions: 24 terms over 12, so 2 x 1.165422.
    assert worked("g_d_minus", 2, 2, [(1, 0), (0, 1)] * 6) == pytest.approx(2.330845, abs=2e-6)


def test_g_d_worked_by_hand():
    # Two volumes, two partitions; augmenting changes nothing. x_i: (1, 0) and (0, -1); x_j: (0, 1) and (-1, 0).
    # Within a partition i and j have cosine 0. Across partitions an anchor has cosine 0 with two images and -1 with
    # two: N = 2 + 2 / e = 2.735759 for every anchor. Of a quad's pairs two have cosine 1, l = log(1 + N / e) =
    # log 2.006429 = 0.696356, and two have cosine 0, l = log(1 + N) = log 3.735759 = 1.317951.
    # Two quads, two directions: 4 x 2 x (0.696356 + 1.317951) over 8 = 2.014307.
    x_i, x_j = [(1, 0), (0, -1)], [(0, 1), (-1, 0)]
    assert worked("g_d", 1, 2, [*x_i, *x_i, *x_j, *x_j]) == pytest.approx(2.014307, abs=2e-6)


def test_published_batching_worked_by_hand():
    # Two partners of two partitions, (1, 0) and (0, 1), in slots 0-7; slots 8-15 are empty, and their projection is 0.
    # Every anchor has 8 negatives of cosine 0. A pair of images has cosine 1, l = log(1 + 8 / e) = log 3.943035 =
    # 1.371951; a pair with an empty slot has cosine 0, l = log 9 = 2.197225. Of the ring's quads of blocks,
    # (0, 1, 2, 3) has 4 pairs of images, (2, 3, 4, 5) one, (4, 5, 6, 7) none and (6, 7, 0, 1) one: 6 and 10.
    # Two partitions, two directions, over 16: (6 x 1.371951 + 10 x 2.197225) / 4 = 7.550988.
    z = [(1, 0), (0, 1)] * 4 + [(0, 0)] * 8
    assert worked("g_d", 2, 2, z, published=True) == pytest.approx(7.550988, abs=3e-6)


@given(
    st.sampled_from([("g_r", False), ("g_d_minus", False), ("g_d", False), ("g_d", True)]),
    st.integers(2, 4),
    st.integers(2, 4),
    st.sampled_from([0.05, 0.1, 1.0]),
    st.integers(0, 2**32 - 1),
)
def test_losses_ignore_lengths_and_are_not_negative(kind, volumes, partitions, temperature, seed):
    loss, published = kind
    terms = global_terms(loss, volumes, partitions, published)
    random = np.random.RandomState(seed)
    z = torch.tensor(random.normal(size=(terms.n_images, 3)))
    lengths = torch.tensor(10 ** random.uniform(-3, 3, (terms.n_images, 1)))
    indices = (terms.anchors, terms.positives, terms.negatives, terms.weight, temperature)
    value = global_loss(z, *indices).item()
    assert value >= 0
    assert global_loss(z * lengths, *indices).item() == pytest.approx(value, rel=1e-9)


@given(st.sampled_from(["g_r", "g_d_minus", "g_d"]), st.integers(2, 4), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_the_order_of_volumes_does_not_matter(loss, volumes, partitions, seed):
    terms = global_terms(loss, volumes, partitions)
    random = np.random.RandomState(seed)
    order = random.permutation(volumes)
    z = random.normal(size=(terms.n_images, 4))
    # g_d has groups of two volumes as the outer index, the others have views.
    shape = (volumes, 4 * partitions, 4) if loss == "g_d" else (-1, volumes, partitions, 4)
    shuffled = np.take(z.reshape(shape), order, axis=0 if loss == "g_d" else 1).reshape(z.shape)
    indices = (terms.anchors, terms.positives, terms.negatives, terms.weight, 0.1)
    values = [global_loss(torch.tensor(each), *indices).item() for each in (z, shuffled)]
    assert values[0] == pytest.approx(values[1], rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("g_x", 2, 4), "arms.vit_contrastive.loss: there is no loss 'g_x'\n.*choose one of g_r, g_d_minus, g_d"),
        (("g_d", 2, 1), "negatives from other partitions, so it needs at least 1 volume of 2 partitions, not 2 of 1"),
        (("g_d_minus", 0, 4), "not 0 of 4\n.*set them to 2 or more"),
        (("g_d", 1, 4, True), "the last group of a batch stays empty, so 4 slices .* leave no image.*\n.*set it to 8"),
        (("g_r", 1, 1), "g_r needs other images as negatives, and the batch has 1\n.*set it to 2 or more"),
    ],
)
def test_impossible_batches_are_refused(arguments, message):
    with pytest.raises(TrainingError, match=message):
        global_terms(*arguments)
