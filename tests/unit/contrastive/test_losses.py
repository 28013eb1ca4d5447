"""Both backends' losses against an independent float64 implementation, written with plain loops from the formulas.

The NumPy side enumerates images by (group, member, partition); it shares no index set with the package.
"""

import json
import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from sixgig.contrastive.pairs import global_terms
from sixgig.contrastive.pytorch.losses import global_loss, local_loss, reference_local_loss, region_vectors
from sixgig.errors import TrainingError

REPOSITORY = Path(__file__).resolve().parents[3]

# name: loss, volumes, partitions, reference batching, temperature
GLOBAL_CASES = {
    "g_r": ("g_r", 5, 1, False, 0.1),
    "g_d_minus": ("g_d_minus", 2, 4, False, 0.1),
    "g_d": ("g_d", 3, 4, False, 0.1),
    "g_d, published batching": ("g_d", 3, 4, True, 0.1),
    "g_d, temperature 0.5": ("g_d", 2, 3, False, 0.5),
}
# name: images, grid, channels, temperature
LOCAL_CASES = {
    "local": (2, (7, 8), 2, 0.1),
    "local, temperature 0.5": (1, (9, 7), 3, 0.5),
    "local, published": (2, (8, 9), 2, 0.1),
    "local, published, 12 x 12": (1, (12, 12), 1, 0.1),
}
VIEWS = {"g_r": 2, "g_d_minus": 3, "g_d": 4}


def projections(name):
    """Random projections of a case, correlated as those of a real network: all share a direction."""
    random = np.random.RandomState(len(name))
    if name in LOCAL_CASES:
        images, (rows, columns), channels, _ = LOCAL_CASES[name]
        return (random.normal(size=(2 * images, rows * columns, channels)) + 0.3).astype(np.float32)
    loss, volumes, partitions, *_ = GLOBAL_CASES[name]
    return (random.normal(size=(VIEWS[loss] * volumes * partitions, 5)) + 0.5).astype(np.float32)


# ---------------------------------------------------------------- the independent implementation


def cosine_matrix(vectors):
    unit = [vector / math.sqrt(max(float(np.dot(vector, vector)), 1e-12)) for vector in vectors]
    return np.array(unit) @ np.array(unit).T


def pair_loss(similarity, a, b, negatives, temperature):
    numerator = math.exp(similarity[a, b] / temperature)
    return -math.log(numerator / (numerator + sum(math.exp(similarity[a, n] / temperature) for n in negatives)))


def numpy_global(loss, volumes, partitions, published, temperature, z):
    """The loss of projections z, float64, by loops over volumes, members and partitions."""
    similarity = cosine_matrix(z).astype(float)
    total, batch_size = 0.0, volumes * partitions
    if loss == "g_r":
        slot = {(view, image): view * batch_size + image for view in range(2) for image in range(batch_size)}
        for image in range(batch_size):
            negatives = [slot[view, other] for view in range(2) for other in range(batch_size) if other != image]
            for view in range(2):
                total += pair_loss(similarity, slot[view, image], slot[1 - view, image], negatives, temperature)
        return total / (2 * batch_size)
    blocks = VIEWS[loss] * volumes  # a block is one slice per partition: block k, partition s is image k * S + s
    if loss == "g_d_minus":
        # Views are the outer index: block = view * V + volume.
        tuples = [(volume, volumes + volume, 2 * volumes + volume) for volume in range(volumes)]
        pairs = [(0, 1), (0, 2), (1, 2)]
    else:
        starts = range(0, blocks, 2) if published else range(0, blocks, 4)
        tuples = [tuple((start + member) % blocks for member in range(4)) for start in starts]
        pairs = [(0, 1), (0, 2), (2, 3), (1, 3)]
    for partition in range(partitions):
        negatives = [
            block * partitions + other for block in range(blocks) for other in range(partitions) if other != partition
        ]
        for members in tuples:
            for first, second in pairs:
                a, b = (members[index] * partitions + partition for index in (first, second))
                total += pair_loss(similarity, a, b, negatives, temperature)
                total += pair_loss(similarity, b, a, negatives, temperature)
    return total / ({"g_d_minus": 3, "g_d": 4}[loss] * batch_size)


def numpy_local(images, grid, temperature, maps):
    """The local loss of maps [2 images, rows * columns, c], float64, by loops over images and regions."""
    rows, columns = grid
    across = [(0, (size - 3) // 2, size - 3) for size in grid]
    inside = [((size - 3) // 4, 3 * (size - 3) // 4) for size in grid]
    corners = [(top, left) for lines in (across, inside) for top in lines[0] for left in lines[1]]
    hard = []
    for index, (top, left) in enumerate(corners):
        near = sorted((math.hypot(top - other[0], left - other[1]), k) for k, other in enumerate(corners) if k != index)
        hard.append([k for _, k in near[:5]])
    maps = maps.reshape(2, images, rows, columns, -1)
    total = 0.0
    for image in range(images):
        vectors = [
            maps[view, image, top : top + 3, left : left + 3].ravel() for view in range(2) for top, left in corners
        ]
        similarity = cosine_matrix(vectors)
        for region in range(13):
            for view in range(2):
                negatives = [other_view * 13 + k for other_view in range(2) for k in hard[region]]
                positive = (1 - view) * 13 + region
                total += pair_loss(similarity, view * 13 + region, positive, negatives, temperature)
    return total / (images * 13 * 2)


def numpy_published_local(images, grid, temperature, maps, layer):
    """The local loss of the published code, float64, with its table of negatives as it stands there.

    The table is written in the published terms: h = int(im / 2), q = int(im / 4), t = int(3 im / 4), e = im, with im
    the side of the feature map less 4, first along rows and then along columns.
    """
    table = {
        "00": "0h qq qh h0 hq", "0h": "00 0e qq qt hh", "0e": "0h qh qt ht he", "h0": "00 qq hh e0 tq",
        "hh": "qq qt tq tt h0", "he": "0e hh ee qt tt", "e0": "h0 hq eh tq th", "eh": "hh e0 ee tq tt",
        "ee": "ht he eh tt th", "qq": "00 0h h0 hh qt", "qt": "0h 0e qq hh he", "tq": "h0 hh e0 eh tt",
        "tt": "hh he eh ee tq",
    }  # fmt: skip
    rows, columns = grid
    at = [{"0": 0, "q": int(im / 4), "h": int(im / 2), "t": int(3 * im / 4), "e": im} for im in (rows - 4, columns - 4)]
    maps = maps.reshape(2, images, rows, columns, -1)

    def region(view, image, name):
        top, left = at[0][name[0]], at[1][name[1]]
        return layer @ maps[view, image, top : top + 3, left : left + 3].ravel()

    def exponential(a, b):
        return math.exp(a @ b / math.sqrt(a @ a) / math.sqrt(b @ b) / temperature)

    total = 0.0
    for image in range(images):
        for name, others in table.items():
            for view in range(2):
                anchor = region(view, image, name)
                positive = exponential(anchor, region(1 - view, image, name))
                negatives = sum(
                    exponential(anchor, region(v, image, other)) for v in range(2) for other in others.split()
                )
                total -= math.log(positive / (positive + negatives))
    return total / 13 / (2 * images)


def region_layer(name):
    """The layer from the 9 patches of a region to a vector; of 4 numbers here, and of 128 in the arm."""
    return np.random.RandomState(5).normal(size=(4, 9 * LOCAL_CASES[name][2])).astype(np.float32)


def numpy_loss(name, z):
    if "published" in name and name in LOCAL_CASES:
        images, grid, _, temperature = LOCAL_CASES[name]
        return numpy_published_local(images, grid, temperature, z, region_layer(name).astype(float))
    if name in LOCAL_CASES:
        images, grid, _, temperature = LOCAL_CASES[name]
        return numpy_local(images, grid, temperature, z)
    return numpy_global(*GLOBAL_CASES[name], z)


def finite_differences(name, z, step=1e-5):
    gradient = np.zeros(z.shape)
    for index in np.ndindex(*z.shape):
        shifted = z.copy()
        shifted[index] += step
        above = numpy_loss(name, shifted)
        shifted[index] -= 2 * step
        gradient[index] = (above - numpy_loss(name, shifted)) / (2 * step)
    return gradient


# ---------------------------------------------------------------- the backends

TENSORFLOW_SCRIPT = """
import json, sys
import numpy as np
import tensorflow.compat.v1 as tf
from sixgig.contrastive.pairs import global_terms
from sixgig.contrastive.tensorflow1.losses import global_loss, local_loss, reference_local_loss, region_vectors

given, cases, found = np.load(sys.argv[1]), json.loads(sys.argv[2]), {}
tf.disable_eager_execution()
# One graph with placeholders serves every global loss, batch size and projection.
z = tf.placeholder(tf.float32, [None, None])
anchors, positives = (tf.placeholder(tf.int32, [None]) for _ in range(2))
negatives, weight = tf.placeholder(tf.bool, [None, None]), tf.placeholder(tf.float32, [])
temperature = tf.placeholder(tf.float32, [])
loss = global_loss(z, anchors, positives, negatives, weight, temperature)
gradient = tf.gradients(loss, z)[0]
half = global_loss(tf.cast(z, tf.float16), anchors, positives, negatives, weight, temperature)
maps = {}
for name, (images, grid, channels, t) in cases["local"].items():
    here = tf.placeholder(tf.float32, [None, grid[0] * grid[1], channels])
    if "published" in name:
        value = reference_local_loss(region_vectors(here, grid, tf.constant(given[name + ":layer"])), grid, t)
    else:
        value = local_loss(here, grid, t)
    maps[name] = (here, value, tf.gradients(value, here)[0])
with tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)) as session:
    for name, (kind, volumes, partitions, published, t) in cases["global"].items():
        terms = global_terms(kind, volumes, partitions, published)
        feed = {z: given[name], anchors: terms.anchors, positives: terms.positives, negatives: terms.negatives,
                weight: terms.weight, temperature: t}
        found[name + ":loss"], found[name + ":gradient"] = session.run([loss, gradient], feed)
        found[name + ":half"] = session.run(half, feed)
    for name, (here, value, slope) in maps.items():
        found[name + ":loss"], found[name + ":gradient"] = session.run([value, slope], {here: given[name]})
found["version"] = np.array(tf.__version__)
np.savez(sys.argv[3], **found)
"""

# Projections that cosines over a temperature of 0.01 drive to +-100.
_ALONG, _AGAINST = [1.0, 0.0], [-1.0, 0.0]
EXTREME_CASES = {
    "opposite pairs": ("g_d", 1, 2, False, 0.01, [_ALONG, _ALONG, _AGAINST, _AGAINST] * 2),
    "apart from all negatives": ("g_d", 1, 2, False, 0.01, [_ALONG, _AGAINST] * 4),
    "all alike": ("g_r", 4, 1, False, 0.01, [_ALONG] * 8),
    "all zero": ("g_d", 2, 2, True, 0.01, [[0.0, 0.0]] * 16),
}


@pytest.fixture(scope="module")
def tensorflow_results(tensorflow1, tmp_path_factory):
    """Losses and gradients of all cases, from one run of the TensorFlow 1 interpreter."""
    folder = tmp_path_factory.mktemp("losses")
    given = {name: projections(name) for name in (*GLOBAL_CASES, *LOCAL_CASES)}
    given.update({name: np.array(case[-1], np.float32) for name, case in EXTREME_CASES.items()})
    given.update({f"{name}:layer": region_layer(name) for name in LOCAL_CASES if "published" in name})
    np.savez(folder / "given.npz", **given)
    cases = {"global": {**GLOBAL_CASES, **{k: case[:-1] for k, case in EXTREME_CASES.items()}}, "local": LOCAL_CASES}
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONNOUSERSITE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [tensorflow1, "-c", TENSORFLOW_SCRIPT, folder / "given.npz", json.dumps(cases), folder / "found.npz"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found = dict(np.load(folder / "found.npz"))
    assert str(found["version"]).startswith("1.15.")
    return found


def torch_results(case, z, layer=None):
    """Loss and gradient of one case in PyTorch."""
    z = torch.tensor(z, requires_grad=True)
    if layer is not None:
        loss = reference_local_loss(region_vectors(z, case[1], torch.tensor(layer)), case[1], case[3])
    elif isinstance(case[1], tuple):
        _, grid, _, temperature = case
        loss = local_loss(z, grid, temperature)
    else:
        terms = global_terms(*case[:4])
        loss = global_loss(z, terms.anchors, terms.positives, terms.negatives, terms.weight, case[4])
    loss.backward()
    return loss.item(), z.grad.numpy()


def relative_error(found, wanted):
    return np.abs(found - wanted).max() / np.abs(wanted).max()


@pytest.mark.parametrize("name", [*GLOBAL_CASES, *LOCAL_CASES])
def test_both_backends_equal_the_formulas(name, tensorflow_results):
    z = projections(name)
    loss = numpy_loss(name, z.astype(np.float64))
    gradient = finite_differences(name, z.astype(np.float64))
    layer = region_layer(name) if name in LOCAL_CASES and "published" in name else None
    torch_loss, torch_gradient = torch_results({**GLOBAL_CASES, **LOCAL_CASES}[name], z, layer)
    tensorflow_loss, tensorflow_gradient = tensorflow_results[name + ":loss"], tensorflow_results[name + ":gradient"]
    assert loss > 0.1
    assert np.abs(gradient).max() > 1e-3
    assert float(tensorflow_loss) == pytest.approx(loss, rel=1e-5)
    assert torch_loss == pytest.approx(loss, rel=1e-5)
    assert relative_error(tensorflow_gradient, gradient) < 1e-3
    assert relative_error(torch_gradient, gradient) < 1e-3
    # The two against each other, as the backends are held to.
    assert torch_loss == pytest.approx(float(tensorflow_loss), rel=1e-4)
    assert relative_error(torch_gradient, tensorflow_gradient) < 1e-3


@pytest.mark.parametrize("name", EXTREME_CASES)
def test_extreme_similarities_do_not_overflow(name, tensorflow_results):
    *case, z = EXTREME_CASES[name]
    wanted = {
        # Of an anchor's 4 negatives 2 have cosine 1 and 2 have -1. Half of the pairs have cosine -1, l = log(2 e^200),
        # half have 1, l = log(1 + 2); 16 terms over 8.
        "opposite pairs": 200 + math.log(2) + math.log(3),
        "apart from all negatives": 0.0,  # log(1 + 4 e^-200)
        "all alike": math.log(7),  # 6 negatives as near as the positive, 8 terms over 8
        "all zero": 4 * math.log(9),  # every cosine 0, 8 negatives; 64 terms over 16
    }[name]
    torch_loss, torch_gradient = torch_results(case, np.array(z, np.float32))
    assert torch_loss == pytest.approx(wanted, rel=1e-5, abs=1e-30)
    assert float(tensorflow_results[name + ":loss"]) == pytest.approx(wanted, rel=1e-5, abs=1e-30)
    for gradient in (torch_gradient, tensorflow_results[name + ":gradient"]):
        assert np.isfinite(gradient).all()


def test_local_loss_worked_by_hand():
    # All patches alike: every region has cosine 1 with its positive and its 10 negatives, so l = log(1 + 10).
    alike = torch.ones(4, 49, 3, dtype=torch.float64)
    assert local_loss(alike, (7, 7), 0.1).item() == pytest.approx(math.log(11))
    # View 2 is minus view 1: the positive has cosine -1, five negatives 1 and five -1, at t = 1:
    # l = log(1 + 5 e^2 + 5) = 3.764... for every region.
    opposite = torch.cat([alike[:2], -alike[:2]])
    assert local_loss(opposite, (7, 7), 1.0).item() == pytest.approx(math.log(6 + 5 * math.e**2))


def test_local_loss_compares_nothing_across_images():
    random = np.random.RandomState(0)
    maps = random.normal(size=(2, 3, 56, 2))
    together = local_loss(torch.tensor(maps.reshape(6, 56, 2)), (8, 7), 0.1).item()
    alone = [local_loss(torch.tensor(maps[:, image]), (8, 7), 0.1).item() for image in range(3)]
    assert together == pytest.approx(np.mean(alone), rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_torch_computes_half_precision_in_float32(dtype):
    z = torch.tensor(projections("g_d")).to(dtype)
    maps = torch.tensor(projections("local")).to(dtype)
    terms = global_terms("g_d", 3, 4)
    indices = (terms.anchors, terms.positives, terms.negatives, terms.weight, 0.1)
    wanted = global_loss(z.float(), *indices), local_loss(maps.float(), (7, 8), 0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = global_loss(z, *indices), local_loss(maps, (7, 8), 0.1)
    assert [value.dtype for value in found] == [torch.float32] * 2
    assert [value.item() for value in found] == [value.item() for value in wanted]


def test_tensorflow_computes_half_precision_in_float32(tensorflow_results):
    rounded = projections("g_d").astype(np.float16).astype(np.float64)
    wanted = numpy_global(*GLOBAL_CASES["g_d"], rounded)
    assert float(tensorflow_results["g_d:half"]) == pytest.approx(wanted, rel=1e-5)


def test_local_loss_refuses_a_small_grid():
    with pytest.raises(TrainingError, match="at least 7 x 7"):
        local_loss(torch.zeros(2, 16, 3), (4, 4), 0.1)
