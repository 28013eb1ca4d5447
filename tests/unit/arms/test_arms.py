import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

import sixgig.arms.begun as run_module
from sixgig.arms.base import Encoder, FeatureArm, NetworkArm, PlainArm
from sixgig.arms.encode_job import EncodeJob
from sixgig.arms.encoding import PartialFeatures, encode, prefetched_batches
from sixgig.arms.network_input import describe_input
from sixgig.arms.registry import arm_names, get_arm, looks
from sixgig.arms.run import encode_cohort
from sixgig.errors import ArmError, ConfigError, GpuError, PassingError
from sixgig.gpu.device import Device
from sixgig.gpu.ladder import Rung
from sixgig.gpu.readers import Sample
from sixgig.runtime import attempts
from sixgig.runtime.digests import file_sha256
from sixgig.runtime.faults import MemoryShortError
from sixgig.tables.cohorts import MANIFEST
from sixgig.tables.features import read_features
from sixgig.weights.build import build_weights
from sixgig.weights.tokens import token_features
from tests.unit.arms.conftest import SIZE

RANDOM = {"kind": "vit_pure", "random_weights": True}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights files of timm's smallest ViT and CNN, built from files with random values."""
    import timm
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("weights")
    built = {}
    for name, model in (("vit", "test_vit"), ("cnn", "test_efficientnet")):
        torch.manual_seed(1)
        network = timm.create_model(model, num_classes=0)
        path = folder / f"{name}.pth.safetensors"
        save_file(network.state_dict(), path)
        spec = {
            "source": {"file": {"path": str(path), "sha256": file_sha256(path)}},
            "converter": "timm",
            "mean": [0.5] * 3,
            "std": [0.5] * 3,
            "model": model,
        }
        built[name] = folder / f"{name}.safetensors"
        build_weights(name, spec, built[name], folder, SIZE)
    return built


def job(cohort, arm, weights, **changes):
    options = {"batch_size": 4, "precision": "auto", "pooling": "mean", "token": "cls"} | changes.pop("options", {})
    fields = {
        "cohort": "tiny", "arm": arm, "options": options, "weights": weights, "volumes": None,
        "images": cohort / "images.npy",
        "manifest": cohort / "manifest.csv", "checkpoints": cohort.parent / ".checkpoints", "device": "cpu",
        "memory_limit_mb": 6144, "seed": 1, "threads": 1, "digest": "d",
    }  # fmt: skip
    return EncodeJob(**fields | changes)


def run(encode_job, folder):
    encode_cohort(encode_job, folder / "arm.npz", folder / "arm.images.npy")
    return (*read_features(folder / "arm.npz"), json.loads((folder / "arm.json").read_text()))


def test_looking_arms_up_does_not_load_torch():
    code = (
        "import sys; from sixgig.arms.registry import arm_names, get_arm; [get_arm(name) for name in arm_names()]\n"
        "print([name for name in ('torch', 'timm', 'sklearn', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_registry_holds_arms_with_complete_metadata():
    for name in arm_names():
        arm, look = get_arm(name), looks()[name]
        assert arm.name == name
        assert look.title
        assert re.fullmatch("#[0-9A-F]{6}", look.colour)
        assert issubclass(arm, NetworkArm | FeatureArm | PlainArm)
        assert arm.hardware in ("gpu", "cpu")
    assert [*looks()][: len(arm_names())] == [*arm_names()]
    assert len({look.colour for look in looks().values()}) == len(looks())
    with pytest.raises(ConfigError, match="there is no such kind of arm"):
        get_arm("vit_future")


@pytest.mark.parametrize(
    ("arm", "network", "width", "own"),
    [
        ("baseline_cnn", "cnn", 256, {}),
        ("vit_pure", "vit", 64, {}),
        ("dino", "vit", 64, {"kind": "vit_pure"}),
        ("control_random_vit", "vit", 64, {"kind": "vit_pure", "random_weights": True}),
    ],
)
def test_image_arms_write_features_and_sidecar(cohort, tmp_path, weights, arm, network, width, own):
    features, subjects, sidecar = run(job(cohort, arm, weights[network], **own), tmp_path)
    assert sidecar["arm"] == arm
    assert features.shape == (5, width)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert features.std(axis=0).max() > 0
    assert subjects.tolist() == ["s0", "s1", "s2", "s3", "s4"]
    assert sidecar["status"] == "ok"
    assert (sidecar["n_images"], sidecar["n_subjects"], sidecar["n_features"]) == (10, 5, width)
    assert (sidecar["batch_size_asked"], sidecar["batch_size_used"], sidecar["device"]) == (4, 4, "cpu")
    assert sidecar["images_per_second"] > 0
    assert len(sidecar["weights"]["sha256"]) == (0 if arm == "control_random_vit" else 64)
    rows = np.load(tmp_path / "arm.images.npy")
    np.testing.assert_allclose(features[0], rows[:2].mean(axis=0), rtol=1e-5)


def test_the_sidecar_says_what_the_network_was_made_for(cohort, tmp_path, weights):
    facts = json.loads(weights["vit"].with_suffix(".json").read_text())
    copy, provenance = tmp_path / "vit.safetensors", tmp_path / "vit.json"
    copy.write_bytes(weights["vit"].read_bytes())
    own = {"interpolation": "bicubic", "size": 96, "crop": 0.875}
    provenance.write_text(json.dumps({**facts, "data_config": {**facts["data_config"], **own}}))
    sidecar = run(job(cohort, "vit_pure", copy, image_filter="bilinear"), tmp_path)[2]
    assert sidecar["input"]["network"] == {"size": 96, "filter": "bicubic", "crop": 0.875}
    assert sidecar["input"]["given"] == {"size": SIZE, "filter": "bilinear", "crop": 1.0}
    assert sidecar["input"]["deviations"] == [
        f"images have {SIZE} pixels a side, the network was made for 96",
        "images were resized with the filter bilinear, the network's is bicubic",
        "all of an image is shown, the network's authors show 0.875 of the shorter side",
    ]


def test_no_deviation_no_word():
    config = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "size": 224, "crop": 1.0}
    assert describe_input(config, (9, 224, 224, 3), "bicubic")["deviations"] == []
    volumes = describe_input(config, (9, 16, 64, 32, 1), "bicubic")
    assert volumes["given"] == {"size": [16, 64, 32], "filter": "triangle", "crop": 1.0}
    assert volumes["deviations"] == ["the network that training began with was made for pictures, not for volumes"]
    cut = describe_input({**config, "crop": 0.875}, (9, 224, 224, 3), "bicubic", 0.9)
    assert cut["given"]["crop"] == 0.9
    assert cut["deviations"] == [
        "the centre of an image (0.9) is shown, the network's authors show 0.875 of the shorter side"
    ]
    old = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic"}  # written before sizes were kept
    assert describe_input(old, (9, 112, 112, 3), "bicubic")["deviations"] == []


def test_features_are_those_of_the_network_one_image_at_a_time(cohort, tmp_path, weights):
    run(job(cohort, "vit_pure", weights["vit"]), tmp_path)
    encoder = get_arm("vit_pure")().load(weights["vit"], SIZE, {}, 0)
    image = torch.from_numpy(np.load(cohort / "images.npy")[7]).permute(2, 0, 1).float()[None] / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (encoder.mean, encoder.std))
    with torch.inference_mode():
        expected = encoder.network.forward_features((image - mean) / std)[0, 0].numpy()
    np.testing.assert_allclose(np.load(tmp_path / "arm.images.npy")[7], expected, rtol=1e-4, atol=1e-5)


def test_control_differs_from_the_pretrained_vit_and_follows_the_seed(cohort, tmp_path, weights):
    pure = run(job(cohort, "vit_pure", weights["vit"]), tmp_path)[0]
    one = run(job(cohort, "control_random_vit", weights["vit"], seed=1, **RANDOM), tmp_path)[0]
    same = run(job(cohort, "control_random_vit", weights["vit"], seed=1, **RANDOM), tmp_path)[0]
    other = run(job(cohort, "control_random_vit", weights["vit"], seed=2, **RANDOM), tmp_path)[0]
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3
    assert np.abs(one - pure).max() > 1e-3


def test_a_failed_arm_says_so_and_leaves_no_features(cohort, tmp_path, weights):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(weights["vit"].read_bytes()[:-4] + b"\0\0\0\1")
    damaged.with_suffix(".json").write_text(weights["vit"].with_suffix(".json").read_text())
    features, subjects, sidecar = run(job(cohort, "vit_pure", damaged), tmp_path)
    assert len(features) == len(subjects) == 0
    assert sidecar["status"].startswith("failed: ")
    assert "sha256" in sidecar["status"]
    assert np.load(tmp_path / "arm.images.npy").shape == (0, 0)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), MemoryError),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), MemoryShortError),
        (RuntimeError("CUDA error: unspecified launch failure"), PassingError),
        (OSError(28, "No space left on device"), OSError),
    ],
)
def test_what_may_pass_is_no_outcome_and_what_is_encoded_is_kept(cohort, tmp_path, weights, monkeypatch, error, kind):
    calm, calls = run_module.encode, []

    def stormy(arm, encoder, images, options, rung, dtype, partial, advance):
        def count(number):
            calls.append(number)
            partial.save()
            if len(calls) == 2:
                raise error
            advance(number)

        return calm(arm, encoder, images, options, rung, dtype, partial, count)

    expected = run(job(cohort, "vit_pure", weights["vit"], checkpoints=tmp_path / "other"), tmp_path)[0]
    for path in tmp_path.glob("arm.*"):
        path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "encode", stormy)
        with pytest.raises(kind):
            run(job(cohort, "vit_pure", weights["vit"]), tmp_path)
    assert list(tmp_path.glob("arm.*")) == []
    assert len(list((cohort.parent / ".checkpoints/encode-tiny-vit_pure").glob("*/*"))) > 0
    again = run(job(cohort, "vit_pure", weights["vit"]), tmp_path)
    np.testing.assert_array_equal(again[0], expected)
    assert again[2]["status"] == "ok"


def test_after_memory_ran_out_the_batch_is_half_and_says_so(cohort, tmp_path, weights, monkeypatch):
    half = run(job(cohort, "vit_pure", weights["vit"], options={"batch_size": 2}), tmp_path)[0]
    monkeypatch.setattr(attempts, "_shortages", 1)
    found, _, sidecar = run(job(cohort, "vit_pure", weights["vit"], options={"batch_size": 4}), tmp_path)
    np.testing.assert_array_equal(found, half)
    assert (sidecar["batch_size_asked"], sidecar["batch_size_used"]) == (4, 2)
    assert sidecar["status"] == "fallback: host memory ran out 1 times: fewer items at a time"


def test_nothing_is_computed_on_a_cohort_that_failed(cohort, tmp_path, weights):
    gate = tmp_path / "leakage.json"
    gate.write_text('{"passed": false, "status": "failed: splits.csv: a subject is in two folds"}')
    features, _, sidecar = run(job(cohort, "vit_pure", weights["vit"], gate=gate), tmp_path)
    assert len(features) == 0
    assert sidecar["status"] == "failed: cohort tiny: splits.csv: a subject is in two folds"


def test_precision_fallback_reaches_the_status(cohort, tmp_path, weights):
    sidecar = run(job(cohort, "vit_pure", weights["vit"], options={"precision": "float16"}), tmp_path)[2]
    assert sidecar["status"] == "fallback: float32 instead of float16: a CPU computes in float32"


def test_asking_for_a_missing_gpu_stops_the_job(cohort, tmp_path, weights, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(GpuError, match="no usable GPU"):
        run(job(cohort, "vit_pure", weights["vit"], device="cuda"), tmp_path)


def test_killed_job_goes_on_where_it_was(cohort, tmp_path, weights, monkeypatch):
    whole = run(job(cohort, "vit_pure", weights["vit"], checkpoints=tmp_path / "other"), tmp_path)[0]
    arm = get_arm("vit_pure")
    original, seen = arm.features_of, []

    def dies(self, network, batch, options):
        seen.append(len(batch))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return original(self, network, batch, options)

    monkeypatch.setattr("sixgig.arms.encoding._SAVE_SECONDS", 0.0)
    monkeypatch.setattr(arm, "features_of", dies)
    with pytest.raises(KeyboardInterrupt):
        run(job(cohort, "vit_pure", weights["vit"]), tmp_path)
    again = run(job(cohort, "vit_pure", weights["vit"]), tmp_path)[0]
    assert seen == [4, 4, 4, 2]  # the first four images are not encoded again
    np.testing.assert_array_equal(again, whole)
    assert [path.name for path in (cohort.parent / ".checkpoints").rglob("*.npy")] == ["image_features.npy"]


@pytest.fixture
def encoded(cohort, tmp_path, weights, monkeypatch):
    """Encode once; return a function that runs the job again and says whether the network was asked."""
    first = run(job(cohort, "vit_pure", weights["vit"]), tmp_path)
    asked = []
    monkeypatch.setattr("sixgig.arms.begun.encode", lambda *rest: asked.append(1) or encode(*rest))

    def again(**changes):
        asked.clear()
        for name in ("arm.npz", "arm.json", "arm.images.npy"):
            (tmp_path / name).unlink()  # as Snakemake does
        features, subjects, sidecar = run(job(cohort, "vit_pure", weights["vit"], **changes), tmp_path)
        return bool(asked), features, subjects, sidecar

    return first, again


def test_the_same_images_are_not_encoded_again_when_labels_are_corrected(encoded, cohort):
    (features, subjects, sidecar), again = encoded
    table = MANIFEST.read(cohort / "manifest.csv")
    MANIFEST.write(table.assign(label="corrected"), cohort / "manifest.csv")
    asked, same, same_subjects, same_sidecar = again()
    assert not asked
    np.testing.assert_array_equal(same, features)
    assert (same_subjects.tolist(), same_sidecar) == (subjects.tolist(), sidecar)  # costs are those of the encoding
    MANIFEST.write(table.assign(subject_id=[f"t{name[1:]}" for name in table["subject_id"]]), cohort / "manifest.csv")
    asked, same, renamed, _ = again()
    assert not asked
    assert renamed.tolist() == ["t0", "t1", "t2", "t3", "t4"]


def test_other_images_options_versions_or_a_damaged_file_are_encoded(encoded, cohort, monkeypatch):
    _, again = encoded
    assert again(options={"batch_size": 5})[0]
    assert again()[0]  # only the last one is kept
    assert not again()[0]
    images = np.load(cohort / "images.npy")
    images[0] += 1
    np.save(cohort / "images.npy", images)
    assert again()[0]
    (kept,) = (cohort.parent / ".checkpoints").rglob("image_features.npy")
    kept.write_bytes(kept.read_bytes()[:-4] + b"\0\0\0\0")
    assert again()[0]
    monkeypatch.setattr("sixgig.runtime.versions.version", lambda package: "9.9")
    asked, *_, sidecar = again()
    assert asked
    assert sidecar["versions"] == {"torch": "9.9", "torchvision": "9.9", "timm": "9.9"}


def test_a_fallback_is_tried_again(cohort, tmp_path, weights):
    for _ in range(2):
        run(job(cohort, "vit_pure", weights["vit"], options={"precision": "float16"}), tmp_path)
        assert not list((cohort.parent / ".checkpoints").rglob("image_features.npy"))


def test_full_gpu_climbs_down_to_the_cpu_and_says_so(cohort, tmp_path, weights, monkeypatch):
    """The card is pretended: every attempt on it runs out of memory."""
    on_cpu = run(job(cohort, "vit_pure", weights["vit"], checkpoints=tmp_path / "other"), tmp_path)[0]
    tried = []

    def full(arm, encoder, images, options, rung, *rest):
        tried.append((rung.device, rung.batch_size))
        if rung.device == "cuda":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return encode(arm, encoder, images, options, rung, *rest)

    monkeypatch.setattr("sixgig.arms.begun.encode", full)
    monkeypatch.setattr("sixgig.arms.begun.choose_device", lambda *_: Device("cuda", "RTX", "float16", card="GPU-1"))
    monkeypatch.setattr("sixgig.gpu.lock.lock_path", lambda card: tmp_path / f"{card}.lock")
    features, _, sidecar = run(job(cohort, "vit_pure", weights["vit"]), tmp_path)
    assert tried == [("cuda", 4), ("cuda", 2), ("cuda", 1), ("cpu", 4)]
    assert sidecar["status"].startswith("fallback: out of GPU memory at batch size 4: batch size 2; ")
    assert sidecar["status"].endswith("out of GPU memory at batch size 1: ran on the CPU")
    assert (sidecar["device"], sidecar["dtype"], sidecar["batch_size_used"]) == ("cpu", "float32", 4)
    assert (tmp_path / "GPU-1.lock").exists()
    np.testing.assert_array_equal(features, on_cpu)


def test_a_hot_card_is_waited_for_between_batches_and_changes_no_byte(cohort, tmp_path, weights, monkeypatch):
    """The card is pretended: the CPU computes."""
    plain = run(job(cohort, "vit_pure", weights["vit"], checkpoints=tmp_path / "plain/.checkpoints"), tmp_path)[0]
    waited = []

    class Reader:
        def __init__(self, uuid):
            assert uuid == "1234"

        def read(self):
            return Sample(memory_mb=500.0, temperature=60.0)

        def slowdown_temperature(self):
            return None

        def close(self):
            pass

    monkeypatch.setattr("sixgig.gpu.lock.FOLDER", tmp_path)
    monkeypatch.setattr("sixgig.gpu.watch.READERS", {"nvml": Reader})
    monkeypatch.setattr("sixgig.gpu.watch.GpuWatch.cool_down", lambda watch: waited.append(watch))
    monkeypatch.setattr("sixgig.arms.begun.choose_device", lambda *_: Device("cpu", "CPU", "float32", card="1234"))
    hot = job(cohort, "vit_pure", weights["vit"], checkpoints=tmp_path / "hot/.checkpoints")
    features, _, sidecar = run(hot, tmp_path)
    assert len(waited) == 3  # ten images, four at a time
    assert features.tobytes() == plain.tobytes()
    assert sidecar["status"] == "ok"  # it is no fallback
    assert sidecar["gpu"]["temperature_peak_celsius"] == 60
    assert sidecar["gpu"]["series"]["memory_mb"][0] == 500
    series = (tmp_path / "hot/benchmarks/encode_images/tiny.vit_pure.gpu.csv").read_text().splitlines()
    assert series[0] == "seconds,memory_mb,utilisation,temperature,power_watt"
    assert series[1].endswith(",500,,60,")


@pytest.mark.parametrize(("first", "batch_size"), [(0, 3), (3, 3), (0, 100), (10, 3)])
def test_prefetch_yields_every_image_once_in_order(first, batch_size):
    images = np.arange(10 * 2 * 2 * 3, dtype=np.uint8).reshape(10, 2, 2, 3)
    batches = list(prefetched_batches(images, first, batch_size, pin=False))
    rows = [row for start, stop, _ in batches for row in range(start, stop)]
    assert rows == list(range(first, 10))
    for start, stop, batch in batches:
        np.testing.assert_array_equal(batch.numpy(), images[start:stop].transpose(0, 3, 1, 2))


def test_features_that_are_not_finite_name_the_image(tmp_path):
    class Broken(get_arm("vit_pure")):
        def features_of(self, network, batch, options):
            return torch.where(batch[:, :1, 0, 0] > 0.5, torch.inf, 1.0)

    images = np.zeros((6, 8, 8, 3), np.uint8)
    images[4] = 255
    encoder = Encoder(torch.nn.Identity(), (0.0,) * 3, (1.0,) * 3, "x", {})
    partial = PartialFeatures(tmp_path, 6)
    with pytest.raises(ArmError, match=r"image 4 are not finite(.|\n)*precision: float32"):
        encode(Broken(), encoder, images, {}, Rung(3, "cpu"), "float32", partial, lambda count: None)


def test_token_features():
    tokens = torch.arange(2 * 5 * 3, dtype=torch.float32).view(2, 5, 3)
    assert torch.equal(token_features(tokens, 1, "cls"), tokens[:, 0])
    assert torch.equal(token_features(tokens, 1, "mean"), tokens[:, 1:].mean(1))
    assert token_features(tokens, 1, "cls_mean").shape == (2, 6)
    assert torch.equal(token_features(tokens, 0, "cls"), tokens.mean(1))
