"""Fixtures shared by all tests: the pretrained weights of the default study, fetched and converted once."""

import hashlib
import os
import signal
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]

# Set before anything imports torch: networks this small gain nothing from threads, which wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests that run in the background or under nohup are started with these signals ignored, and what they start would
# inherit that. A handler is not inherited.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)


def pytest_collection_modifyitems(items):
    """Start with the tests that run whole studies: last, a long one would keep one process busy and the others idle."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


@pytest.fixture(scope="session")
def downloads():
    """The folder of fetched wheels, the same one that the workflow uses."""
    folder = REPOSITORY / "results" / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def dinov2_weights(downloads):
    """Weights file of DINOv2 ViT-S/14, as the default study builds it."""
    return _weights("dinov2_vits14", downloads)


@pytest.fixture(scope="session")
def lite0_weights(downloads):
    """Weights file of EfficientNet-Lite0, as the default study builds it."""
    return _weights("efficientnet_lite0", downloads)


@pytest.fixture(scope="session")
def astra_weights(downloads):
    """Weights file of a 3D network for chest CT, out of three wheels, as the study of 3D networks builds it."""
    return _weights("astra_ct", downloads, "volumes.yaml")


@pytest.fixture(scope="session")
def tensorflow1():
    """The interpreter of the TensorFlow 1 environment. Without it tests fail; none is skipped."""
    python = REPOSITORY / ".venv-tf1" / "bin" / "python"
    assert python.exists(), f"{python} is missing. Next step: run `make setup`, which builds it"
    return python


def _weights(name, downloads, study="config.yaml"):
    from sixgig.runtime.atomic import read_json
    from sixgig.runtime.digests import file_sha256
    from sixgig.runtime.locks import locked
    from sixgig.weights.build import build_weights

    spec = yaml.safe_load((REPOSITORY / "config" / study).read_text())["weights"][name]
    # The key makes an edit of the converters or of the stanza build the file again.
    package = REPOSITORY / "sixgig"
    sources = [package / "sources" / "wheels.py", *sorted((package / "weights").glob("*.py"))]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources) + repr(spec).encode()).hexdigest()[:12]
    cache = downloads / "test-weights"
    path = cache / f"{name}-{key}.safetensors"
    sidecar = path.with_suffix(".json")
    with locked(downloads / ".test-weights.lock"):
        if not (path.exists() and sidecar.exists() and read_json(sidecar)["sha256"] == file_sha256(path)):
            for stale in cache.glob(f"{name}-*"):
                stale.unlink()
            build_weights(name, spec, path, downloads, image_size=56)
    return path
