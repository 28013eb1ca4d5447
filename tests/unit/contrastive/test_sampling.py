import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sixgig.contrastive.pairs import global_terms
from sixgig.contrastive.sampling import Pool, Sampler, check_pool, choose_loss
from sixgig.errors import TrainingError

REPOSITORY = Path(__file__).resolve().parents[3]
KINDS = [("g_r", False), ("g_d_minus", False), ("g_d", False), ("g_d", True)]


def make_pool(volumes_per_subject, slices_per_partition=3, partitions=4, seed=0):
    """Volumes of several subjects, in shuffled order; rows of images.npy are not 0, 1, 2, ..."""
    table = [
        (subject, 10 * subject + volume, partition)
        for subject, n_volumes in enumerate(volumes_per_subject)
        for volume in range(n_volumes)
        for partition in range(partitions)
        for _ in range(slices_per_partition)
    ]
    random = np.random.RandomState(seed)
    table = np.array(table, dtype=np.int64)[random.permutation(len(table))]
    return Pool(100 + np.arange(len(table)), *table.T)


def flat_pool(n_images, images_per_subject=1):
    """A 2D cohort."""
    images = np.arange(n_images)
    return Pool(images, images // images_per_subject, np.full(n_images, -1), np.full(n_images, -1))


def facts_of(pool, rows):
    """Subject, volume and partition of rows."""
    index = [int(np.flatnonzero(pool.row == row)[0]) for row in rows]
    return pool.subject[index], pool.volume[index], pool.partition[index]


def test_g_d_minus_draws_one_slice_of_each_partition_of_each_volume():
    pool = make_pool([2] * 6)
    batch = Sampler(pool, "g_d_minus", 12, 4, False, seed=3).batch(5)
    x, aug1, aug2 = batch.rows.reshape(3, 12)
    assert np.array_equal(x, aug1)
    assert np.array_equal(x, aug2)
    assert batch.augment.reshape(3, 12).tolist() == [[False] * 12, [True] * 12, [True] * 12]
    subject, volume, partition = (values.reshape(3, 4) for values in facts_of(pool, x))
    assert (partition == [0, 1, 2, 3]).all()
    assert (volume == volume[:, :1]).all()
    assert len(set(subject[:, 0])) == 3


def test_g_d_draws_groups_of_two_partners():
    pool = make_pool([2] * 6)
    batch = Sampler(pool, "g_d", 12, 4, False, seed=3).batch(5)
    groups = batch.rows.reshape(3, 4, 4)
    assert np.array_equal(groups[:, 0], groups[:, 1])
    assert np.array_equal(groups[:, 2], groups[:, 3])
    assert (batch.augment.reshape(3, 4, 4) == np.array([False, True, False, True])[:, None]).all()
    subject, volume, partition = (values.reshape(3, 2, 4) for values in facts_of(pool, groups[:, ::2].ravel()))
    assert (partition == [0, 1, 2, 3]).all()
    assert (volume == volume[..., :1]).all()
    assert len(set(subject[..., 0].ravel())) == 6


def test_published_batch_of_12_has_16_empty_images_of_48():
    pool = make_pool([1] * 4)
    batch = Sampler(pool, "g_d", 12, 4, True, seed=3).batch(5)
    assert (batch.rows == -1).tolist() == [False] * 32 + [True] * 16
    assert not batch.augment[32:].any()
    assert set(facts_of(pool, batch.rows[:32])[0]) == {0, 1, 2, 3}
    # Elsewhere it is a batch like any other: volumes of two groups.
    assert batch.augment[:32].tolist() == ([False] * 4 + [True] * 4) * 4


def test_g_r_draws_different_images_of_a_2d_cohort():
    sampler = Sampler(flat_pool(30), "g_r", 20, 4, False, seed=1)
    for step in range(10):
        batch = sampler.batch(step)
        first, second = batch.rows.reshape(2, 20)
        assert np.array_equal(first, second)
        assert len(set(first)) == 20
        assert batch.augment.all()


@pytest.mark.parametrize(("loss", "reference"), KINDS)
def test_local_stage_draws_two_augmented_views(loss, reference):
    pool = make_pool([1] * 6)
    sampler = Sampler(pool, loss, 12, 4, reference, seed=1)
    batch = sampler.batch(2, "local")
    first, second = batch.rows.reshape(2, 12)
    assert np.array_equal(first, second)
    assert len(set(first)) == 12
    assert batch.augment.all()
    assert batch.stage == "local"
    assert set(first) != set(sampler.batch(2).rows)


@pytest.mark.parametrize(("loss", "reference"), KINDS)
def test_rows_fit_the_pairs_of_the_loss(loss, reference):
    """Every positive lies in the same partition, every negative of the domain-specific losses in another one."""
    pool = make_pool([2] * 8, seed=4)
    terms = global_terms(loss, 3, 4, reference)
    for step in range(20):
        batch = Sampler(pool, loss, 12, 4, reference, seed=9).batch(step)
        assert len(batch.rows) == len(batch.augment) == terms.n_images
        filled = batch.rows >= 0
        subject, volume, partition = (np.full(terms.n_images, -7) for _ in range(3))
        subject[filled], volume[filled], partition[filled] = facts_of(pool, batch.rows[filled])
        a, b = terms.anchors, terms.positives
        real = filled[a] & filled[b]
        assert (partition[a] == partition[b])[real].all()
        if loss == "g_r":
            assert np.array_equal(batch.rows[a], batch.rows[b])
            continue
        for anchor in np.flatnonzero(filled):
            assert (partition[terms.negatives[anchor]] != partition[anchor]).all()
        if loss == "g_d_minus":
            assert np.array_equal(batch.rows[a], batch.rows[b])
        elif not reference:
            # Half of the pairs are two views of a slice, the other half slices of two subjects.
            assert (subject[a] != subject[b]).mean() == 0.5
            assert ((subject[a] == subject[b]) == (batch.rows[a] == batch.rows[b])).all()


@pytest.mark.parametrize(("loss", "reference"), KINDS)
def test_a_batch_depends_on_seed_step_and_stage_alone(loss, reference):
    pool = make_pool([2] * 8)

    def rows(seed, step, stage="global"):
        return Sampler(pool, loss, 12, 4, reference, seed).batch(step, stage).rows.tolist()

    sampler = Sampler(pool, loss, 12, 4, reference, seed=5)
    in_order = [sampler.batch(step).rows.tolist() for step in range(4)]
    assert in_order == [rows(5, step) for step in range(4)]
    assert sampler.batch(1).rows.tolist() == in_order[1]
    assert len({str(each) for each in [*in_order, rows(6, 1), rows(5, 1, "local")]}) == 6


@pytest.mark.parametrize(("loss", "reference"), KINDS)
def test_every_eligible_slice_is_drawn_and_no_other(loss, reference):
    pool = make_pool([2, 1, 1, 3, 1])
    # Volume 30 of subject 3 loses its partition 2, subject 1 two slices; some images are of no volume.
    keep = ~((pool.volume == 30) & (pool.partition == 2))
    keep[np.flatnonzero(pool.subject == 1)[:2]] = False
    pool = Pool(*(values[keep] for values in pool))
    flat = np.arange(5)
    nowhere = np.full(5, -1)
    pool = Pool(*(np.concatenate(pair) for pair in zip(pool, (flat, flat + 50, nowhere, nowhere), strict=True)))
    eligible = set(pool.row.tolist())
    if loss != "g_r":
        eligible -= {*flat.tolist(), *pool.row[pool.volume == 30].tolist()}
    sampler = Sampler(pool, loss, 8, 4, reference, seed=0)
    drawn = set(np.concatenate([sampler.batch(step).rows for step in range(600)]).tolist()) - {-1}
    assert drawn == eligible


def test_slices_of_a_partition_are_equally_likely():
    pool = make_pool([1] * 4, slices_per_partition=5)
    sampler = Sampler(pool, "g_d_minus", 8, 4, False, seed=0)
    drawn = np.concatenate([sampler.batch(step).rows[:8] for step in range(2000)])
    counts = np.array([(drawn == row).sum() for row in pool.row])
    # 2 of 4 subjects a batch, 1 of 5 slices: 200 times each, standard deviation sqrt(2000 x 0.1 x 0.9) = 13.4.
    assert counts.sum() == 16000
    assert abs(counts - 200).max() < 5 * 13.4


@given(st.lists(st.integers(1, 4), min_size=2, max_size=6), st.integers(1, 5), st.integers(0, 10**6))
def test_volumes_come_from_as_many_subjects_as_there_are(volumes_per_subject, n_groups, seed):
    assume(sum(min(count, n_groups) for count in volumes_per_subject) >= 2 * n_groups)
    pool = make_pool(volumes_per_subject, slices_per_partition=1, partitions=2)
    batch = Sampler(pool, "g_d", 2 * n_groups, 2, False, seed).batch(0)
    subject, volume, _ = facts_of(pool, batch.rows.reshape(n_groups, 2, 2, 2)[:, :, 0, 0].ravel())
    assert len(set(volume)) == 2 * n_groups
    assert (subject[::2] != subject[1::2]).all()
    assert len(set(subject)) == min(len(volumes_per_subject), 2 * n_groups)
    # A subject gives one more only when every other that still could has given as many.
    taken = np.bincount(subject, minlength=len(volumes_per_subject))
    able = taken < np.minimum(volumes_per_subject, n_groups)
    assert not able.any() or taken.max() <= taken[able].min() + 1


def test_g_r_takes_a_second_image_of_a_subject_only_when_all_have_given_one():
    pool = flat_pool(12, images_per_subject=3)
    for step in range(20):
        rows = Sampler(pool, "g_r", 6, 4, False, seed=2).batch(step).rows[:6]
        taken = np.bincount(facts_of(pool, rows)[0])
        assert sorted(taken) == [1, 1, 2, 2]


def test_cohort_without_volumes_gets_g_r_and_the_reason():
    loss, note = choose_loss(flat_pool(30), "g_d", 4)
    assert loss == "g_r"
    assert "none of the 30 pretraining images is a slice of a volume" in note
    assert "in place of g_d" in note
    assert choose_loss(flat_pool(30), "g_r", 4) == ("g_r", None)
    assert choose_loss(make_pool([1, 1]), "g_d_minus", 4) == ("g_d_minus", None)


EMPTY = flat_pool(0)


@pytest.mark.parametrize(
    ("pool", "arguments", "message"),
    [
        (EMPTY, ("g_d", 8, 4), "no pretraining subjects.*\n.*raise evaluation.pretraining_fraction above 0"),
        (EMPTY, ("g_r", 8, 4), "no pretraining subjects"),
        (flat_pool(5), ("g_r", 8, 4), "draws 8 different images, and the pool has 5\n.*lower it to 5 or less"),
        (make_pool([1] * 9), ("g_d", 10, 4), "10 is not a multiple of the cohort's 4 partitions\n.*set it to 8 or 12"),
        (make_pool([1] * 9), ("g_d_minus", 3, 4), "3 is not a multiple of the cohort's 4 partitions\n.*to 4 or 8"),
        (
            make_pool([1] * 5),
            ("g_d", 12, 4),
            "6 volumes in pairs of different subjects; .* 5, of 5 sub.*\n.*to 8 or less",
        ),
        (make_pool([2, 1]), ("g_d_minus", 16, 4), "needs 4 volumes; .* are 3, of 2 sub.*\n.*lower it to 12 or less"),
        (make_pool([8]), ("g_d", 8, 4), "4 volumes in .* are 8, of 1 subjects\n  Next step: raise evaluation.pret"),
        (make_pool([5, 1]), ("g_d", 8, 4), "needs 4 volumes.* are 6, of 2 subjects\n.*lower it to 4 or less"),
        (make_pool([1] * 3), ("g_d", 12, 4, True), "needs 4 volumes.* are 3, of 3 .*\n.*lower it to 8 or less"),
        (make_pool([1]), ("g_d", 12, 4, True), "needs 4 .* are 1, of 1 .*\n  Next step: raise .*loss to g_r"),
        (make_pool([1] * 9), ("g_d", 4, 4, True), "the last group of a batch stays empty.*\n.*set it to 8 or more"),
        (make_pool([1] * 9), ("g_d", 4, 1), "negatives from other partitions"),
        (make_pool([1] * 9), ("g_d", 9, 3), "3 in the config, but .* lie in partitions 0 to 3\n.*set them to 4"),
        (
            make_pool([1] * 9),
            ("g_d", 10, 5),
            "5, and 9 of the 9 pre.*to 12 slices, have none.*needs 4 with one in each\n.*to 4 or less.*more `slices`",
        ),
    ],
)
def test_a_pool_that_cannot_fill_a_batch_is_refused(pool, arguments, message):
    with pytest.raises(TrainingError, match=message) as caught:
        check_pool(pool, *arguments)
    assert caught.value.place.startswith(("arms.vit_contrastive.", "evaluation.pre", "the cohort's partitions"))
    # The batch size that the message offers does work.
    offered = re.search(r"lower it to (\d+)", caught.value.next_step)
    if offered:
        check_pool(pool, arguments[0], int(offered[1]), *arguments[2:])
        Sampler(pool, arguments[0], int(offered[1]), arguments[2], len(arguments) > 3, 0).batch(0)


# Runs in both environments, so it is Python 3.7.
SCRIPT = """
import sys
import numpy as np
from sixgig.contrastive.augmentation import Augmentation, prepare_batch
from sixgig.contrastive.evidence import choose_evidence, nearest_partition_accuracy, view_accuracy
from sixgig.contrastive.pairs import global_terms
from sixgig.contrastive.sampling import Pool, Sampler

given = np.load(sys.argv[1])
pool = Pool(given["row"], given["subject"], given["volume"], given["partition"])
options, found = Augmentation(0.52, 0.3, 0.7, 1.3), {}
for loss, reference in [("g_r", False), ("g_d_minus", False), ("g_d", False), ("g_d", True)]:
    sampler = Sampler(pool, loss, 12, 4, reference, 2026)
    for step in (0, 1, 70000):
        for stage in ("global", "local"):
            batch = sampler.batch(step, stage)
            name = "{}-{}-{}-{}".format(loss, reference, step, stage)
            found[name + ":rows"], found[name + ":augment"] = batch.rows, batch.augment
            found[name + ":pixels"] = prepare_batch(
                given["images"], batch, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], options, 2026, step)
    for field, value in global_terms(loss, 3, 4, reference)._asdict().items():
        found["{}-{}:{}".format(loss, reference, field)] = np.array(value)
found["evidence:rows"] = choose_evidence(pool, 100, 2026)
found["evidence:features"] = np.array(
    nearest_partition_accuracy(given["features"], pool.subject, pool.partition)
    + view_accuracy(given["features"][:20], given["features"][20:40]))
np.savez(sys.argv[2], **found)
"""


def test_both_environments_draw_the_same_batches(tensorflow1, tmp_path):
    pool = make_pool([2] * 8)
    random = np.random.RandomState(1)
    images = random.randint(0, 256, (len(pool.row) + 100, 28, 28, 3)).astype(np.uint8)
    features = random.normal(size=(len(pool.row), 6))
    np.savez(tmp_path / "given.npz", images=images, features=features, **pool._asdict())
    results = []
    for python in (tensorflow1, sys.executable):
        output = tmp_path / f"found-{len(results)}.npz"
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONNOUSERSITE": "1"}
        command = [python, "-c", SCRIPT, tmp_path / "given.npz", output]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        results.append(dict(np.load(output)))
    old, new = results
    assert set(old) == set(new)
    for name in old:
        assert old[name].dtype == new[name].dtype, name
        if name.endswith(":pixels"):
            assert old[name].dtype == np.float32
            assert np.abs(old[name] - new[name]).max() < 1e-6, name
        else:
            assert np.array_equal(old[name], new[name]), name
