"""The kind `volume_network`: crops, channels, intensities, orientation, resuming, sidecar, refusals while planning."""

import copy
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from sixgig.arms.base import VolumeEncoder
from sixgig.arms.encode_job import EncodeJob
from sixgig.arms.encoding import PartialFeatures
from sixgig.arms.run import encode_cohort
from sixgig.arms.volume_network.arm import VolumeNetwork
from sixgig.arms.volume_network.encoding import Intensity, encoding
from sixgig.arms.volume_network.orientation import axes_of, is_orientation, orient, oriented_size
from sixgig.arms.volume_network.work import encoding as forecast
from sixgig.errors import ArmError, ConfigError, WeightsError
from sixgig.gpu.ladder import Rung
from sixgig.gpu.work import Amount, NetworkSize
from sixgig.mim.sliding import sliding_positions
from sixgig.runtime.digests import file_sha256
from sixgig.tables.cohorts import MANIFEST
from sixgig.tables.features import read_features
from sixgig.weights.build import build_weights
from sixgig.weights.monai_networks import build_network, features_of

MODEL = "monai:SegResNet"
SMALL = {"init_filters": 8, "blocks_down": [1, 1]}
OPTIONS = {
    "batch_size": 3, "precision": "auto", "pooling": "mean", "crop": [8, 8, 8], "channels": "match",
    "intensity": "unit", "orientation": "SPR", "weights": "it",
}  # fmt: skip


def volumes(number, size, modalities, seed=0):
    array = np.random.default_rng(seed).random((number, *size, modalities), dtype=np.float32).astype(np.float16)
    return np.ascontiguousarray(array)


def network(channels=1, seed=0):
    return build_network(MODEL, SMALL | {"in_channels": channels}, seed)


def encode(tmp_path, array, net, channels=1, how="match"):
    function = encoding(net, MODEL, channels, OPTIONS | {"channels": how})
    kept = PartialFeatures(tmp_path, len(array))
    names = [f"v{row}" for row in range(len(array))]
    return function(array, Rung(3, "cpu"), "float32", kept, lambda count: None, names)


def features(net, crops):
    with torch.inference_mode():
        return features_of(MODEL, net, torch.from_numpy(np.ascontiguousarray(crops, dtype=np.float32))).numpy()


def crops_of(volume, crop=(8, 8, 8)):
    """[n_crops, M, *crop] of a volume [D, H, W, M]."""
    cut = []
    for position in sliding_positions(volume.shape[:3], crop):
        z, y, x = (slice(first, first + size) for first, size in zip(position, crop, strict=True))
        cut.append(np.moveaxis(volume[z, y, x], -1, 0))
    return np.stack(cut)


def test_a_volumes_feature_is_the_mean_over_the_crops_that_cover_it(tmp_path):
    array, net = volumes(3, (12, 8, 9), 1), network()
    wanted = [features(net, crops_of(volume)).mean(axis=0) for volume in array]
    assert len(crops_of(array[0])) == 4
    found = encode(tmp_path, array, net)
    assert (found.dtype, found.shape) == (np.float32, (3, 16))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    assert np.ptp(found, axis=0).max() > 1e-4


def test_match_gives_all_modalities_at_once(tmp_path):
    array, net = volumes(2, (8, 8, 8), 2), network(2)
    np.testing.assert_allclose(
        encode(tmp_path, array, net, channels=2), features(net, np.moveaxis(array, -1, 1)), rtol=1e-4, atol=1e-6
    )


def test_repeat_gives_the_only_modality_to_every_channel(tmp_path):
    array, net = volumes(2, (8, 8, 8), 1), network(3)
    wanted = features(net, np.repeat(np.moveaxis(array, -1, 1), 3, axis=1))
    np.testing.assert_allclose(encode(tmp_path, array, net, 3, "repeat"), wanted, rtol=1e-4, atol=1e-6)


def test_separate_gives_one_modality_at_a_time_and_concatenates(tmp_path):
    array, net = volumes(2, (8, 8, 8), 3), network(1)
    wanted = np.hstack([features(net, array[None, ..., modality][0][:, None]) for modality in range(3)])
    found = encode(tmp_path, array, net, 1, "separate")
    assert found.shape == (2, 48)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_first_gives_the_first_modality_alone(tmp_path):
    array, net = volumes(2, (8, 8, 8), 3), network(2)
    wanted = features(net, np.repeat(array[..., 0][:, None], 2, axis=1))
    np.testing.assert_allclose(encode(tmp_path, array, net, 2, "first"), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("modalities", "channels", "how", "match"),
    [
        (1, 3, "match", "takes 3 channels, and the volumes have 1\n.*repeat"),
        (3, 1, "match", "takes 1 channel, and the volumes have 3\n.*separate"),
        (3, 1, "repeat", "3 modalities\n.*separate"),
    ],
)
def test_modalities_that_do_not_become_channels_are_refused(tmp_path, modalities, channels, how, match):
    with pytest.raises(ArmError, match=match):
        encode(tmp_path, volumes(1, (8, 8, 8), modalities), network(channels), channels, how)


def scaled(array, how, row, group):
    crop = np.moveaxis(array[row].astype(np.float32), -1, 0)[slice(None) if group is None else slice(group, group + 1)]
    crop = np.array(crop)
    Intensity(array, how)(crop, row, group)
    return crop


def test_intensities_as_networks_expect_them():
    array = volumes(2, (4, 4, 4), 2)
    array[1, :2] = 0
    np.testing.assert_allclose(scaled(array, "signed", 0, 1)[0], array[0, ..., 1].astype(float) * 2 - 1, atol=1e-6)
    own = array[1, ..., 1].astype(np.float64)
    np.testing.assert_allclose(scaled(array, "zscore", 1, 1)[0], (own - own.mean()) / own.std(), atol=1e-4)
    inside = own[own > 0]
    wanted = np.where(own > 0, (own - inside.mean()) / inside.std(), 0)
    np.testing.assert_allclose(scaled(array, "zscore_nonzero", 1, None)[1], wanted, atol=1e-4)


def test_intensity_zscore_nonzero_is_monais_normalisation():
    from monai.transforms import NormalizeIntensity

    array = volumes(1, (6, 5, 4), 2)
    array[0, 3:] = 0
    wanted = NormalizeIntensity(nonzero=True, channel_wise=True)(np.moveaxis(array[0].astype(np.float32), -1, 0))
    np.testing.assert_allclose(scaled(array, "zscore_nonzero", 0, None), np.asarray(wanted), atol=1e-4)


def test_a_volume_without_contrast_stays_finite():
    array = np.zeros((1, 4, 4, 4, 1), np.float16)
    for how in ("zscore", "zscore_nonzero"):
        assert (scaled(array, how, 0, None) == 0).all()


def test_orientations_turn_and_mirror():
    crop = torch.arange(24.0).reshape(1, 1, 2, 3, 4)  # up, down the rows to posterior, to the right
    assert torch.equal(orient(crop, "SPR"), crop)
    turned = orient(crop, "RAS")
    assert turned.shape == (1, 1, 4, 3, 2) == (1, 1, *oriented_size((2, 3, 4), "RAS"))
    assert turned[0, 0, 3, 0, 1] == crop[0, 0, 1, 2, 3]  # most right, most posterior, most superior
    assert axes_of("LPS") == [(2, True), (1, False), (0, False)]
    assert not is_orientation("RLS")
    assert not is_orientation("RSS")


def test_orientation_is_what_monai_makes_of_the_prepared_axes():
    from monai.data import MetaTensor
    from monai.transforms import Orientation

    crop = torch.rand(1, 2, 3, 4)
    # Prepared axes D, H, W in RAS coordinates: up (+S), down the rows (-A), along the columns (+R).
    affine = np.array([[0, 0, 1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    for letters in ("RAS", "LPS", "SRA", "SPR", "AIL"):
        wanted = Orientation(axcodes=letters, labels=(("L", "R"), ("P", "A"), ("I", "S")))(MetaTensor(crop, affine))
        assert torch.equal(orient(crop[None], letters)[0], wanted.as_tensor())


def test_the_network_sees_the_orientation(tmp_path):
    array, net = volumes(2, (8, 10, 12), 1), network()
    function = encoding(net, MODEL, 1, OPTIONS | {"orientation": "RAS", "crop": [8, 10, 12]})
    kept = PartialFeatures(tmp_path, 2)
    found = function(array, Rung(2, "cpu"), "float32", kept, lambda count: None, "ab")
    turned = np.moveaxis(array, -1, 1).transpose(0, 1, 4, 3, 2)[:, :, :, ::-1]
    np.testing.assert_allclose(found, features(net, turned), rtol=1e-4, atol=1e-6)


def test_an_interrupted_encoding_continues_to_the_same_features(tmp_path):
    array, net = volumes(4, (12, 8, 8), 1), network()
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = encode(tmp_path / "whole", array, net)
    function = encoding(net, MODEL, 1, OPTIONS)
    kept = PartialFeatures(tmp_path / "cut", 4)

    def stop(count):
        if kept.done == 3:
            kept.save()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        function(array, Rung(3, "cpu"), "float32", kept, stop, "abcd")
    again = PartialFeatures(tmp_path / "cut", 4)
    assert again.done == 3
    found = function(array, Rung(3, "cpu"), "float32", again, lambda count: None, "abcd")
    assert found.tobytes() == whole.tobytes()


def test_damaged_volumes_are_named(tmp_path):
    array = volumes(2, (8, 8, 8), 1)
    array[1, 0, 0, 0, 0] = np.nan
    with pytest.raises(ArmError, match=r"volume 1 \(v1\).*not finite"):
        encode(tmp_path, array, network())


@pytest.fixture
def prepared(tmp_path):
    """A cohort of four subjects with two volumes each, and weights of a small network of one channel."""
    array = volumes(8, (8, 12, 12), 1, seed=4)
    np.save(tmp_path / "volumes.npy", array)
    np.save(tmp_path / "images.npy", np.zeros((16, 16, 16, 3), np.uint8))
    rows = range(16)
    table = {
        "image_id": [f"i{row}" for row in rows], "subject_id": [f"s{row // 4}" for row in rows], "label": "x",
        "volume_id": [f"v{row // 2}" for row in rows], "frame": [("ED", "ES")[row // 2 % 2] for row in rows],
        "slice": [row % 2 for row in rows], "partition": [row % 2 for row in rows], "source": "f",
    }  # fmt: skip
    MANIFEST.write(pd.DataFrame(table), tmp_path / "manifest.csv")
    torch.save(network(seed=5).state_dict(), tmp_path / "source.pth")
    file = {"path": str(tmp_path / "source.pth"), "sha256": file_sha256(tmp_path / "source.pth")}
    spec = {"source": {"file": file}, "model": MODEL, "options": SMALL}
    build_weights("it", spec, tmp_path / "it.safetensors", tmp_path, 16)
    return SimpleNamespace(folder=tmp_path, volumes=array)


def job(prepared, **options):
    folder = prepared.folder
    return EncodeJob(
        cohort="tiny", arm=VolumeNetwork.name, options=OPTIONS | options, weights=folder / "it.safetensors",
        images=folder / "images.npy", volumes=folder / "volumes.npy", manifest=folder / "manifest.csv",
        checkpoints=folder / ".checkpoints", device="cpu", memory_limit_mb=6144, seed=1, threads=1, digest="d",
    )  # fmt: skip


def test_a_job_writes_features_per_subject_and_what_the_network_saw(prepared):
    folder = prepared.folder
    encode_cohort(job(prepared), folder / "f.npz", folder / "f.images.npy")
    net = network(seed=5)
    rows = np.stack([features(net, crops_of(volume)).mean(axis=0) for volume in prepared.volumes])
    np.testing.assert_allclose(np.load(folder / "f.images.npy"), rows, rtol=1e-4, atol=1e-6)
    found = read_features(folder / "f.npz")
    np.testing.assert_allclose(found[0], rows.reshape(4, 32), rtol=1e-4, atol=1e-6)  # ED and ES side by side
    sidecar = json.loads((folder / "f.json").read_text())
    assert (sidecar["status"], sidecar["backbone"], sidecar["n_features"]) == ("ok", MODEL, 32)
    said = sidecar["input"]
    assert said["given"] == {"size": [8, 8, 8], "filter": "triangle", "crop": 1.0}
    assert (said["channels"], said["intensity"], said["orientation"]) == ("match", "unit", "SPR")
    assert any(sentence.startswith("4 crops of 8 x 8 x 8 voxels cover") for sentence in said["deviations"])
    assert any("no common size in mm" in sentence for sentence in said["deviations"])


def test_the_control_has_the_same_network_with_random_weights(prepared):
    arm, weights = VolumeNetwork(), prepared.folder / "it.safetensors"
    encoder = arm.load_random(weights, 16, OPTIONS, 9)
    assert isinstance(encoder, VolumeEncoder)
    assert encoder.weights["source"] == "random initialisation, seed 9"
    (prepared.folder / "a").mkdir()
    kept = PartialFeatures(prepared.folder / "a", 8)
    found = encoder.encode(prepared.volumes, Rung(3, "cpu"), "float32", kept, lambda count: None, "abcdefgh")
    net = network(seed=9)
    wanted = [features(net, crops_of(volume)).mean(axis=0) for volume in prepared.volumes]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


CONFIG = {
    "arms": {"volume_network": {**OPTIONS, "crop": [32, 64, 64], "per_cohort": {}}},
    "weights": {"it": {"model": "monai:SwinUNETR", "options": {"feature_size": 24}}},
    "cohorts": {"heart": {"adapter": "acdc", "volume": {"size": [32, 96, 96]}}},
}


def changed(change):
    config = copy.deepcopy(CONFIG)
    change(config)
    return config


def test_a_study_that_fits_is_not_refused():
    VolumeNetwork.check(CONFIG)
    per_cohort = {"per_cohort": {"heart": {"crop": [32, 32, 32]}}, "crop": [64, 64, 64]}
    VolumeNetwork.check(changed(lambda config: config["arms"]["volume_network"].update(per_cohort)))


def _arm(**options):
    return lambda config: config["arms"]["volume_network"].update(options)


def _weights(**entry):
    return lambda config: config["weights"]["it"].update(entry)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: c["cohorts"]["heart"].pop("volume"), "reads volumes, and cohort heart has none\n.*volume: "),
        (_arm(crop=[32, 60, 64]), r"\[32, 60, 64\] does not fit SwinUNETR.*multiples of 32\n.*\[32, 64, 64\]"),
        (_arm(crop=[32, 128, 96]), r"larger than the volumes of cohort heart, \[32, 96, 96\]"),
        (_weights(model="resnet50"), r"resnet50 is a network for images(.|\n)*monai:SwinUNETR"),
        (_weights(options={"in_channels": 4}), r"takes 4 channels, and the volumes have 1(.|\n)*repeat"),
        (_arm(orientation="RLS"), "does not name each axis of the body once"),
        (_arm(per_cohort={"hart": {"crop": [32, 32, 32]}}), r"per_cohort.hart: is no cohort(.|\n)*heart"),
        (lambda c: (_arm(orientation="RAS")(c), c["cohorts"]["heart"].update(plane="coronal")), "coronal slices"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_while_planning(change, match):
    with pytest.raises(ConfigError, match=match):
        VolumeNetwork.check(changed(change))


def test_the_crop_is_that_of_the_networks_axes():
    """RAS takes the volume's columns first: the network sees x, y, z."""
    vit = {"model": "monai:ViT", "options": {"img_size": [96, 64, 32], "patch_size": 16}}

    def change(config):
        config["weights"]["it"] = vit
        config["arms"]["volume_network"].update(orientation="RAS", crop=[32, 64, 96])

    VolumeNetwork.check(changed(change))
    with pytest.raises(ConfigError, match=r"crop to \[32, 64, 96\]"):
        VolumeNetwork.check(changed(lambda c: (change(c), _arm(crop=[32, 32, 32])(c))))


def test_unknown_networks_are_refused_while_planning():
    with pytest.raises(WeightsError, match=r"weights.it.model: there is no 3D network 'monai:SwinUNTR'"):
        VolumeNetwork.check(changed(lambda config: config["weights"]["it"].update(model="monai:SwinUNTR")))


def test_work_counts_crops_modalities_and_voxels():
    size = NetworkSize(1e6, 8e9, 1e6, 2e6, 64, "convolution", voxels=32**3)
    amount = Amount(5, 90, volumes=10, volume_size=(64, 64, 64), channels=3)
    options = {"crop": [64, 64, 32], "batch_size": 4, "channels": "separate"}
    work = forecast(options, amount, size, "float32")
    crops = 10 * 3 * 3  # volumes, modalities, positions along x: 0, 16, 32
    assert work.flops == crops * 8e9 * 4
    assert work.passes == 23
    assert forecast(options | {"channels": "first"}, amount, size, "float32").flops == work.flops / 3
