"""timm's download from the model hub, against a hub on this machine that serves one tiny model."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import safetensors.torch
import torch

from sixgig.errors import WeightsError
from sixgig.weights.build import build_weights
from sixgig.weights.loading import create_network, load_backbone

MODEL = "test_vit"
REVISION = "a" * 40
# The hub's library reads its environment variables when it is imported, so every case is a process of its own.
PROGRAM = """
import json, pathlib, sys
from sixgig.errors import WeightsError
from sixgig.weights.build import build_weights
folder = pathlib.Path(sys.argv[1])
try:
    spec = {"source": {"hub": {}}, "converter": "timm", "model": "test_vit"}
    print(json.dumps(build_weights("tiny", spec, folder / "tiny.safetensors", folder, 64)))
except WeightsError as error:
    print(json.dumps({"error": str(error)}))
"""


@pytest.fixture
def hub():
    """Address of a hub that serves one weights file, the file's content, and the paths asked for."""
    content = safetensors.torch.save(create_network(MODEL, seed=5).state_dict(), {"format": "pt"})
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_HEAD(self):
            asked.append(self.path)
            found = self.path == f"/timm/{MODEL}.r160_in1k/resolve/main/model.safetensors"
            self.send_response(200 if found else 404)
            if found:
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("X-Repo-Commit", REVISION)
            else:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", str(len(content) if found else 0))
            self.end_headers()
            if found and self.command == "GET":
                self.wfile.write(content)

        do_GET = do_HEAD  # noqa: N815 (http.server finds it by this name)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", content, asked
    server.shutdown()
    server.server_close()


def build(folder, **environment):
    folder.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGINGFACE_"))}
    repository = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        env=kept | {"PYTHONPATH": repository, "NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)


def test_download_then_offline_from_the_cache(hub, tmp_path):
    endpoint, content, asked = hub
    home = tmp_path / "home"
    online = build(tmp_path / "online", HF_HOME=str(home), HF_ENDPOINT=endpoint)
    sha256 = hashlib.sha256(content).hexdigest()
    assert online["source"] == {"hub": {"repository": "timm/test_vit.r160_in1k", "revision": REVISION}}
    assert online["source_sha256"] == sha256
    assert any(home.rglob("model.safetensors"))
    network, wanted = load_backbone(tmp_path / "online" / "tiny.safetensors", 160), create_network(MODEL, seed=5)
    assert all(torch.equal(tensor, wanted.state_dict()[name]) for name, tensor in network.state_dict().items())

    requests = len(asked)
    offline = build(tmp_path / "offline", HF_HOME=str(home), HF_ENDPOINT=endpoint, HF_HUB_OFFLINE="1")
    assert offline == online
    assert len(asked) == requests


def test_offline_without_cache_names_the_ways_out(tmp_path):
    home = tmp_path / "empty"
    message = build(tmp_path / "out", HF_HOME=str(home), HF_HUB_OFFLINE="1")["error"]
    assert "weights.tiny (timm model test_vit): the pretrained weights cannot be downloaded" in message
    assert "connect to the network" in message
    assert "timm/test_vit.r160_in1k" in message
    assert "source: {file:" in message
    assert f"set HF_HOME to a folder that holds them (now {home})" in message
    assert not (tmp_path / "out" / "tiny.safetensors").exists()


def test_model_without_pretrained_weights(tmp_path):
    spec = {"source": {"hub": {}}, "model": "mnasnet_050"}
    with pytest.raises(WeightsError, match="timm has no pretrained weights for this model"):
        build_weights("tiny", spec, tmp_path / "x.safetensors", tmp_path, 224)
