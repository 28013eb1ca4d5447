import numpy as np
import pytest
import torch

from sixgig.mim.evaluation import fixed_items, measure, pictures, reconstruction_errors
from sixgig.mim.geometry import Geometry
from sixgig.mim.network import build_network
from sixgig.mim.training import train
from sixgig.training.checkpoints import CheckpointStore
from tests.unit.mim.tiny_mim import IMAGES, SHAPE, VOLUMES, network, no_report, settings, sources

#: Patches of one row and two columns: 0 and 1 above, 2 and 3 below.
SQUARE = Geometry((2, 4), (1, 2), 2)


def flat(geometry, value=0.0):
    """A network that predicts one value everywhere."""
    net = build_network("mae", geometry, SHAPE, [0.0] * geometry.channels, [1.0] * geometry.channels, seed=1)
    torch.nn.init.zeros_(net.head.weight)
    torch.nn.init.constant_(net.head.bias, value)
    return net


def tokens(*rows):
    return torch.tensor(rows)


def test_errors_of_a_network_and_of_both_baselines_by_hand():
    item = np.zeros((1, 2, 2, 4), np.float32)
    item[0, 0] = [[0.0, 0.2, 0.5, 0.5], [0.4, 0.4, 0.8, 1.0]]
    item[0, 1] = [[1.0, 1.0, 0.1, 0.3], [0.0, 0.0, 0.6, 0.6]]
    errors = reconstruction_errors(flat(SQUARE, 0.5), item, (tokens([0, 1]), tokens([2, 3])))
    # Masked: (0.4, 0.4), (0.8, 1.0) in channel 0, (0, 0), (0.6, 0.6) in channel 1.
    assert errors["network"] == pytest.approx((0.1 + 0.1 + 0.3 + 0.5 + 0.5 + 0.5 + 0.1 + 0.1) / 8, rel=1e-6)
    # Visible means: 0.3 and 0.6.
    assert errors["mean_of_visible"] == pytest.approx((0.1 + 0.1 + 0.5 + 0.7 + 0.6 + 0.6 + 0 + 0) / 8, rel=1e-6)
    # 2 copies 0, 3 copies 1: each is one row away.
    assert errors["nearest_visible_patch"] == pytest.approx((0.4 + 0.2 + 0.3 + 0.5 + 1 + 1 + 0.5 + 0.3) / 8, rel=1e-6)


@pytest.mark.parametrize("visible", [[1, 2], [2, 1]])
def test_of_equally_near_patches_the_lowest_token_is_copied(visible):
    values = torch.tensor([[0.9, 0.2], [0.6, 0.3]])  # of patches 0, 1 and 2, 3: those of 1 and 2 touch 0 and 3
    item = values.repeat_interleave(2, dim=1).expand(1, 2, 2, 4)
    errors = reconstruction_errors(flat(SQUARE), item, (tokens(visible), tokens([0, 3])))
    assert errors["nearest_visible_patch"] == pytest.approx((abs(0.9 - 0.2) + abs(0.3 - 0.2)) / 2, rel=1e-6)


def test_distance_is_euclidean_on_the_grid_in_three_dimensions():
    geometry = Geometry((2, 2, 4), (1, 1, 1), 1)
    values = torch.linspace(0, 1, 16)
    # From patch (0, 0, 0), patch (1, 1, 0), number 12, is nearer than (0, 0, 2), number 2: the root of 2 against 2.
    visible = tokens([2, 12])
    masked = tokens([0])
    errors = reconstruction_errors(flat(geometry), values.reshape(1, 1, 2, 2, 4), (visible, masked))
    assert errors["nearest_visible_patch"] == pytest.approx(12 / 15, rel=1e-6)


def test_items_have_baselines_of_their_own():
    items = torch.stack([torch.full((2, 2, 4), value) for value in (0.1, 0.7)])
    masks = (tokens([0, 1], [2, 3]), tokens([2, 3], [0, 1]))
    errors = reconstruction_errors(flat(SQUARE, 0.4), items, masks)
    assert errors["mean_of_visible"] == pytest.approx(0, abs=1e-7)
    assert errors["nearest_visible_patch"] == 0
    assert errors["network"] == pytest.approx(0.3, rel=1e-6)


def test_the_networks_error_is_its_loss():
    net, items = network(), fixed_items(sources()[1], VOLUMES, settings(), 0, 3)
    errors = reconstruction_errors(net, items.crops, (items.visible, items.masked))
    loss = net(torch.from_numpy(items.crops), items.visible, items.masked).loss
    assert errors["network"] == pytest.approx(float(loss.detach()), rel=1e-6)


@pytest.mark.parametrize("number", [1, 4, 6])
def test_the_measure_is_the_mean_over_all_items(number):
    chosen, net, source = settings(evaluation_items=number), network(), sources()[1]
    found = measure(net, source, chosen)
    single = []
    for item in range(number):
        items = fixed_items(source, VOLUMES, chosen, item, item + 1)
        single.append(reconstruction_errors(net, items.crops, (items.visible, items.masked)))
    for name, error in found.items():
        assert error == pytest.approx(np.mean([errors[name] for errors in single]), rel=1e-5)


def test_items_and_masks_are_fixed_and_unlike_each_other():
    source, chosen = sources()[1], settings()
    whole = fixed_items(source, VOLUMES, chosen, 0, 6)
    part = fixed_items(source, VOLUMES, chosen, 2, 5)
    np.testing.assert_array_equal(part.crops, whole.crops[2:5])
    np.testing.assert_array_equal(part.rows, whole.rows[2:5])
    assert torch.equal(part.masked, whole.masked[2:5])
    assert len({tuple(row.tolist()) for row in whole.masked}) > 1
    assert sorted(whole.rows[:2]) == [4, 5]
    assert not torch.equal(fixed_items(source, VOLUMES, settings(seed=8), 0, 6).masked, whole.masked)


@pytest.mark.parametrize(
    ("objective", "geometry"), [("mae", VOLUMES), ("simmim", IMAGES)], ids=["mae-volumes", "simmim-images"]
)
def test_a_short_training_beats_both_baselines(tmp_path, objective, geometry):
    chosen = settings(objective=objective, steps=300, batch_size=8, learning_rate=2e-2, clip=1.0, evaluation_items=8)
    net, items = network(objective, geometry), sources(geometry, size=(8, 8, 8))
    found = train(net, *items, chosen, "cpu", CheckpointStore(tmp_path), no_report)["reconstruction"]
    baselines = min(found["after"]["mean_of_visible"], found["after"]["nearest_visible_patch"])
    assert found["before"]["network"] > baselines
    assert found["after"]["network"] < 0.8 * baselines


# pictures


@pytest.fixture
def marked():
    """One item in which every voxel is told by its place: depth, row and column are the digits of its value."""
    geometry = Geometry((4, 6, 8), (2, 3, 4), 1)
    z, y, x = np.meshgrid(*(np.arange(size) for size in geometry.crop), indexing="ij")
    return geometry, ((100 * z + 10 * y + x) / 1000).astype(np.float32)[None, None]


def test_pictures_are_middle_slices_with_the_top_at_the_top(marked):
    geometry, item = marked
    found = pictures(flat(geometry), item, (tokens([0, 1, 2, 3]), tokens([4, 5, 6, 7])))
    axial, coronal, sagittal = (plane[0, 0] * 1000 for plane in found.original)
    assert (axial.shape, coronal.shape, sagittal.shape) == ((6, 8), (4, 8), (4, 6))
    assert axial.dtype == np.float32
    np.testing.assert_allclose([axial[0, 0], axial[5, 7]], [200, 257], rtol=1e-5)
    np.testing.assert_allclose([coronal[0, 0], coronal[3, 7]], [330, 37], rtol=1e-5)
    np.testing.assert_allclose([sagittal[0, 0], sagittal[3, 5]], [304, 54], rtol=1e-5)


def test_pictures_fill_and_predict_only_what_is_masked(marked):
    geometry, item = marked
    found = pictures(flat(geometry, 0.9), item, (tokens([0, 1, 2, 3]), tokens([4, 5, 6, 7])), fill=0.25)
    # The upper half (in depth) is masked: all of the middle axial slice, the first rows of the others.
    for shown, value in ((found.masked, 0.25), (found.reconstruction, 0.9)):
        assert np.allclose(shown[0], value)
        for plane, original in zip(shown[1:], found.original[1:], strict=True):
            assert np.allclose(plane[:, :, :2], value)
            np.testing.assert_array_equal(plane[:, :, 2:], original[:, :, 2:])


def test_pictures_of_images_are_the_images():
    item = np.random.default_rng(0).random((2, 2, 2, 4)).astype(np.float32)
    found = pictures(flat(SQUARE, 0.9), item, (tokens([0, 1], [2, 3]), tokens([2, 3], [0, 1])))
    assert [len(planes) for planes in found] == [1, 1, 1]
    np.testing.assert_array_equal(found.original[0], item)
    assert np.allclose(found.masked[0][0, :, 1], 0.5)
    assert np.allclose(found.masked[0][1, :, 0], 0.5)
    np.testing.assert_array_equal(found.reconstruction[0][0, :, 0], item[0, :, 0])
