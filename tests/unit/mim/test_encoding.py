import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from sixgig.arms.encoding import PartialFeatures
from sixgig.errors import ArmError
from sixgig.gpu.ladder import Rung
from sixgig.mim.encoding import encode_volumes
from sixgig.mim.geometry import Geometry, Shape
from sixgig.mim.network import build_network
from sixgig.mim.sliding import sliding_positions
from tests.unit.mim.tiny_mim import SHAPE, VOLUMES, no_report, volumes

SINGLE = Geometry((8, 8, 8), (4, 4, 4), 1)


def encoder(geometry=VOLUMES, **prefix):
    shape = Shape(**vars(SHAPE) | prefix)
    return build_network("mae", geometry, shape, [0.5] * geometry.channels, [0.25] * geometry.channels, 1).encoder


def encode(array, net=None, geometry=VOLUMES, modalities="channels", token="mean", batch_size=3, **more):
    net = encoder(geometry) if net is None else net
    net.geometry = geometry  # stand-ins have none of their own
    kept = PartialFeatures(Path(tempfile.mkdtemp()), len(array))
    more = {"dtype": "float32", "kept": kept, "advance": no_report, "names": "abcdef"} | more
    return encode_volumes(net, modalities, token, array, Rung(batch_size, "cpu"), **more)


def crops_of(array, geometry=VOLUMES):
    """Crops of one volume [D, H, W, M], channels first."""
    cut = []
    for position in sliding_positions(array.shape[:3], geometry.crop):
        index = tuple(slice(first, first + size) for first, size in zip(position, geometry.crop, strict=True))
        cut.append(np.moveaxis(array[index], -1, 0))
    return torch.from_numpy(np.stack(cut).astype(np.float32))


def test_a_volume_of_the_crops_size_has_the_tokens_mean():
    array, net = volumes(5, (8, 8, 8)), encoder()
    with torch.no_grad():
        expected = net(torch.cat([crops_of(volume) for volume in array])).mean(dim=1)
    found = encode(array, net)
    assert (found.dtype, found.shape) == (np.float32, (5, 16))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)


def test_larger_volumes_have_the_mean_over_their_crops():
    array, net = volumes(3, (12, 8, 9)), encoder()
    with torch.no_grad():
        expected = [net(crops_of(volume)).mean(dim=(0, 1)).numpy() for volume in array]
    assert len(crops_of(array[0])) == 4
    np.testing.assert_allclose(encode(array, net), expected, rtol=1e-5, atol=1e-6)


class Mean(nn.Module):
    """Stands in for an encoder: its only token is the mean of the voxels."""

    prefix_tokens = 0
    shape = SimpleNamespace(class_token=False, reference=False)

    def forward(self, x):
        return x.mean(dim=(1, 2, 3, 4))[:, None, None]


def test_every_voxel_counts():
    array = np.zeros((12 * 8 * 9, 12, 8, 9, 1), np.float16)
    np.fill_diagonal(array.reshape(len(array), -1), 1)
    found = encode(array, Mean(), SINGLE, batch_size=500)
    assert (found > 0).all()
    counts = np.zeros((12, 8, 9))
    for z, y, x in sliding_positions((12, 8, 9), (8, 8, 8)):
        counts[z : z + 8, y : y + 8, x : x + 8] += 1
    np.testing.assert_allclose(found[:, 0], counts.ravel() / 4 / 512, rtol=1e-5)


def test_separate_modalities_are_concatenated_in_order():
    array, net = volumes(3, (12, 8, 8), modalities=3), encoder(SINGLE)
    found = encode(array, net, SINGLE, "separate")
    alone = [encode(array[..., m : m + 1], net, SINGLE) for m in range(3)]
    assert found.shape == (3, 48)
    np.testing.assert_allclose(found, np.concatenate(alone, axis=1), rtol=1e-5, atol=1e-6)


def test_the_class_token_is_used_when_asked_for_and_there():
    array, net = volumes(4, (8, 8, 8)), encoder(class_token=True, register_tokens=2)
    with torch.no_grad():
        tokens = net(torch.cat([crops_of(volume) for volume in array])).numpy()
    assert tokens.shape[1] == 3 + 8
    np.testing.assert_allclose(encode(array, net, token="cls"), tokens[:, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(encode(array, net), tokens[:, 3:].mean(axis=1), rtol=1e-5, atol=1e-6)
    plain = encoder(register_tokens=2)
    np.testing.assert_array_equal(encode(array, plain, token="cls"), encode(array, plain, token="mean"))


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_features_do_not_depend_on_the_batch_size(batch_size):
    array, net = volumes(3, (12, 9, 8)), encoder()
    np.testing.assert_allclose(encode(array, net, batch_size=batch_size), encode(array, net), rtol=1e-5, atol=1e-6)


class Counting(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net, self.prefix_tokens, self.shape, self.batches = net, net.prefix_tokens, net.shape, []

    def forward(self, x):
        self.batches.append(x.clone())
        return self.net(x)


class Recorded(PartialFeatures):
    def __init__(self, folder, n_volumes):
        super().__init__(folder, n_volumes)
        self.starts = []

    def put(self, start, stop, features):
        self.starts.append(start)
        super().put(start, stop, features)


@pytest.mark.parametrize(("batch_size", "kept_volumes"), [(3, 1), (3, 2), (3, 4), (3, 5), (6, 2), (7, 4)])
def test_a_killed_run_goes_on_with_the_same_batches_and_the_same_features(tmp_path, batch_size, kept_volumes):
    array = volumes(5, (12, 8, 8))
    whole_net, net = Counting(encoder()), Counting(encoder())
    whole = encode(array, whole_net, batch_size=batch_size)
    first = PartialFeatures(tmp_path, 5)
    first.put(0, kept_volumes, whole[:kept_volumes])
    first.save()
    kept = Recorded(tmp_path, 5)
    assert kept.done == kept_volumes
    np.testing.assert_array_equal(encode(array, net, batch_size=batch_size, kept=kept), whole)
    assert kept.starts == list(range(kept_volumes, 5))
    skipped = 2 * kept_volumes // batch_size  # whole batches; a volume has two crops
    assert len(net.batches) == len(whole_net.batches) - skipped
    assert all(torch.equal(a, b) for a, b in zip(net.batches, whole_net.batches[skipped:], strict=True))


def test_progress_is_reported_when_volumes_are_complete():
    done = []
    encode(volumes(4, (12, 8, 8)), batch_size=3, advance=done.append)
    assert done == [1, 2, 1]


def test_a_memory_map_gives_what_an_array_gives(tmp_path):
    array, net = volumes(3), encoder()
    np.save(tmp_path / "volumes.npy", array)
    mapped = np.load(tmp_path / "volumes.npy", mmap_mode="r")
    np.testing.assert_array_equal(encode(mapped, net), encode(array, net))


def test_features_that_are_not_finite_name_the_volume():
    array = volumes(4, (8, 8, 8))
    array[2, 0, 0, 0, 0] = np.inf
    with pytest.raises(ArmError, match=r"volume 2 \(c\): holds voxels that are not finite"):
        encode(array, names="abcd")
    net = encoder()
    nn.init.constant_(net.norm.bias, float("nan"))
    with pytest.raises(ArmError, match=r"the features of volume 0 \(a\) are not finite in float32") as caught:
        encode(volumes(4, (8, 8, 8)), net)
    assert "lower arms.vit_mim.learning_rate" in caught.value.next_step


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"token": "max"}, "is 'max'"),
        ({"geometry": Geometry((16, 8, 8), (4, 4, 4), 2)}, "is 16 x 8 x 8 voxels, and the cohort's volumes have only"),
        ({"modalities": "separate"}, "separate gives crops of 1 channels, and the network takes 2"),
        ({"modalities": "all"}, "is 'all'"),
    ],
)
def test_what_cannot_be_encoded_is_refused(change, reason):
    with pytest.raises(ArmError, match=reason):
        encode(volumes(), **change)


@pytest.mark.parametrize(("device", "dtype", "mixed"), [("cuda", "bfloat16", True), ("cuda", "float32", False)])
def test_a_gpu_computes_in_the_type_asked_for(monkeypatch, tmp_path, device, dtype, mixed):
    """The GPU itself is stood in for: what is asked of it is what counts here."""
    contexts = []

    class Context:
        def __init__(self, kind, dtype, enabled):
            contexts.append((kind, dtype, enabled))

        def __enter__(self):
            pass

        def __exit__(self, *exc_info):
            pass

    monkeypatch.setattr(torch, "autocast", Context)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *args, **kwargs: self)
    monkeypatch.setattr(nn.Module, "to", lambda self, *args, **kwargs: self)
    array = volumes(3)
    kept = PartialFeatures(tmp_path, 3)
    found = encode_volumes(encoder(), "channels", "mean", array, Rung(3, device), dtype, kept, no_report, "abc")
    assert contexts == [(device, getattr(torch, dtype), mixed)]
    np.testing.assert_array_equal(found, encode(array))
