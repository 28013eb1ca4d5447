import pytest


@pytest.fixture
def fake_smi(tmp_path, monkeypatch):
    """Return a function that makes `nvidia-smi` a shell script; the only program on the PATH besides the shell's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(script):
        path = folder / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make
