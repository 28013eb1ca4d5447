"""Any repository of the model hub, against a hub on this machine."""

import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import safetensors.torch
import torch

from sixgig.weights.loading import create_network

MODEL = "test_vit"
TOKEN = "hf_" + "secret" * 6
# The hub's library reads its environment variables when it is imported, so every case is a process of its own.
PROGRAM = """
import json, pathlib, sys
from sixgig.errors import SixgigError
from sixgig.weights.build import build_weights
folder, given = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
answers = []
for number, hub in enumerate(given):
    try:
        spec = {"source": {"hub": hub}, "model": "test_vit"}
        output = folder / f"tiny{number}.safetensors"
        answers.append(build_weights("tiny", spec, output, folder / "downloads", 64))
    except SixgigError as error:
        answers.append({"error": str(error)})
print(json.dumps(answers))
"""


class Hub:
    """A hub with one repository, of which a test may change the content, the commit and who may read it."""

    def __init__(self):
        content = safetensors.torch.save(create_network(MODEL, seed=5).state_dict(), {"format": "pt"})
        preprocessor = json.dumps({"image_mean": [0.25] * 3, "image_std": [0.75] * 3, "resample": 3, "size": 160})
        self.files = {"model.safetensors": content, "preprocessor_config.json": preprocessor.encode()}
        self.commit = "a" * 40
        self.gated = False
        self.cut = 0  # bytes after which the next transfer of a weights file breaks
        self.asked = []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_HEAD(self):
                hub.answer(self)

            do_GET = do_HEAD  # noqa: N815 (http.server finds it by this name)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request):
        self.asked.append((request.command, request.path, request.headers.get("Range", "")))
        if self.gated and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.send(request, 401, b"", {"X-Error-Code": "GatedRepo"})
        if request.path.startswith("/api/models/some/thing/revision/"):
            about = {"id": "some/thing", "sha": self.commit, "siblings": [{"rfilename": name} for name in self.files]}
            return self.send(request, 200, json.dumps(about).encode(), {"Content-Type": "application/json"})
        found = re.fullmatch(r"/some/thing/resolve/(\w+)/(.+)", request.path)
        if not found or found[1] not in ("main", self.commit) or found[2] not in self.files:
            known = request.path.startswith("/some/thing/")
            return self.send(request, 404, b"", {"X-Error-Code": "EntryNotFound" if known else "RepoNotFound"})
        content = self.files[found[2]]
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": self.commit}
        start = re.match(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if start and request.command == "GET":
            first = int(start[1])
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            return self.send(request, 206, content[first:], headers)
        return self.send(request, 200, content, headers)

    def send(self, request, status, content, headers):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.command == "GET":
            cut, self.cut = (self.cut, 0) if len(content) > 100_000 else (0, self.cut)
            request.wfile.write(content[: cut or None])


@pytest.fixture
def hub():
    made = Hub()
    yield made
    made.server.shutdown()
    made.server.server_close()


def build(folder, hub, *given, **environment):
    folder.mkdir(exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGINGFACE_"))}
    variables = {
        "PYTHONPATH": str(Path(__file__).resolve().parents[3]), "NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1",
        "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "home"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), json.dumps(given)],
        env=kept | variables | environment, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return json.loads(done.stdout)


REPOSITORY = {"repository": "hf-hub:some/thing"}


def test_a_repository_is_pinned_at_its_first_download(hub, tmp_path):
    """The branch's commit and the file's sha256 are written down; a branch that moves changes nothing."""
    tensors = {f"visual.trunk.{name}": tensor for name, tensor in create_network(MODEL, seed=5).state_dict().items()}
    content = safetensors.torch.save({**tensors, "text.weight": torch.zeros(3_500_000)})
    hub.files["model.safetensors"], sha256 = content, hashlib.sha256(content).hexdigest()
    hub.cut = 12_000_000  # the transfer breaks, and goes on where it broke; what is kept is kept in 10 MiB
    (first,) = build(tmp_path, hub, REPOSITORY)
    origin = {"repository": "some/thing", "revision": "a" * 40, "asked": "main", "file": "model.safetensors"}
    assert first["source"] == {"hub": origin}
    assert first["source_sha256"] == sha256
    assert first["data_config"] == {
        "mean": [0.25] * 3, "std": [0.75] * 3, "interpolation": "bicubic", "size": 160, "crop": 1.0,
    }  # fmt: skip
    loaded = first["loaded"]
    assert (loaded["layout"], loaded["prefix"], loaded["left_out"]) == ("timm", "visual.trunk.", ["text.weight"])
    weights = [asked for asked in hub.asked if asked[0] == "GET" and asked[1].endswith("model.safetensors")]
    assert [asked[2] for asked in weights] == ["", "bytes=10485760-"]
    record = json.loads((tmp_path / "downloads/hub/some--thing--main.json").read_text())
    assert (record["commit"], record["sha256"]) == ("a" * 40, {"model.safetensors": sha256})

    asked = len(hub.asked)
    hub.commit = "b" * 40
    again, offline = (build(tmp_path, hub, REPOSITORY, **more)[0] for more in ({}, {"HF_HUB_OFFLINE": "1"}))
    assert first == again == offline
    assert [path for _, path, _ in hub.asked[asked:] if "/some/thing" in path] == []


def test_another_content_than_at_the_first_download_is_refused(hub, tmp_path):
    (first,) = build(tmp_path, hub, REPOSITORY)
    hub.files["model.safetensors"] = safetensors.torch.save(create_network(MODEL, seed=6).state_dict())
    pinned = {**REPOSITORY, "sha256": "0" * 64}
    changed, wrong = build(tmp_path, hub, REPOSITORY, pinned, HF_HOME=str(tmp_path / "new home"))
    assert f"but at its first download it had {first['source_sha256']}" in changed["error"]
    assert "delete it from the hub's cache" in changed["error"]
    assert f"but the study file pins {'0' * 64}" in wrong["error"]


def test_a_gated_repository_wants_the_token(hub, tmp_path):
    """It is asked for where there is none, used where there is one, and shown nowhere."""
    hub.gated = True
    (without,) = build(tmp_path, hub, REPOSITORY)
    assert "the repository is gated: only who has accepted its terms may download it" in without["error"]
    assert "set HF_TOKEN to it in the environment (never in the study file)" in without["error"]
    (wrong,) = build(tmp_path, hub, REPOSITORY, HF_TOKEN="hf_" + "another" * 5)
    assert "and the token in HF_TOKEN has not" in wrong["error"]
    assert "another" not in wrong["error"]
    (found,) = build(tmp_path, hub, REPOSITORY, HF_TOKEN=TOKEN)
    assert found["source_sha256"]
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_the_file_is_chosen_or_asked_for(hub, tmp_path):
    hub.files["second.safetensors"] = hub.files.pop("model.safetensors")
    hub.files["third.pth"] = b"no weights"
    answers = build(
        tmp_path, hub, REPOSITORY, {**REPOSITORY, "file": "second.safetensors"}, {**REPOSITORY, "file": "none.pth"},
        {"repository": "some/other"}, {**REPOSITORY, "revision": "c" * 40, "file": "second.safetensors"},
    )  # fmt: skip
    assert "holds 2 weights files: second.safetensors, third.pth" in answers[0]["error"]
    assert "set `file` in source.hub" in answers[0]["error"]
    assert answers[1]["source"]["hub"]["file"] == "second.safetensors"
    assert "the repository has no such file" in answers[2]["error"]
    assert "the hub has no such repository, or it is private" in answers[3]["error"]
    assert "error" in answers[4]


def test_offline_without_cache_names_the_ways_out(hub, tmp_path):
    (found,) = build(tmp_path, hub, {**REPOSITORY, "revision": "a" * 40}, HF_HUB_OFFLINE="1")
    assert "weights.tiny (hf-hub:some/thing, revision aaaa" in found["error"]
    assert "the weights cannot be downloaded" in found["error"]
    assert "connect to the network and run again" in found["error"]
    assert "download the weights file of some/thing on another computer and set `source: {file:" in found["error"]
    assert f"(now {tmp_path / 'home'})" in found["error"]
    assert hub.asked == []
