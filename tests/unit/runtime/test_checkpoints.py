import subprocess
import sys

import pytest

from sixgig.runtime.checkpoints import checkpoint_folder, drop


def test_folder_of_another_key_is_removed(tmp_path):
    old = checkpoint_folder(tmp_path, "encode", {"seed": 1})
    (old / "state").write_text("x")
    other_job = checkpoint_folder(tmp_path, "train", {"seed": 1})
    new = checkpoint_folder(tmp_path, "encode", {"seed": 2})
    assert new.is_dir()
    assert not old.exists()
    assert other_job.is_dir()
    assert checkpoint_folder(tmp_path, "encode", {"seed": 2}) == new


def test_drop_removes_empty_parents_only(tmp_path):
    root = tmp_path / ".checkpoints"
    one, other = checkpoint_folder(root, "one", {}), checkpoint_folder(root, "other", {})
    drop(one)
    assert not one.parent.exists()
    assert other.exists()
    drop(other)
    assert not root.exists()


def test_one_process_at_a_time_has_the_checkpoints_of_a_job(tmp_path):
    code = f"""
from pathlib import Path
from sixgig.runtime.checkpoints import checkpoint_folder, drop
folder = checkpoint_folder(Path({str(tmp_path)!r}), "encode", {{}})
print("has", flush=True)
input()
drop(folder)
"""

    def start():
        return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with start() as first:
        first.stdout.readline()
        with start() as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(1.0)
            folder = checkpoint_folder(tmp_path, "train", {})  # another job's
            first.communicate("\n")
            assert second.stdout.readline() == "has\n"
            second.kill()  # the kernel frees them with their owner
    assert checkpoint_folder(tmp_path, "encode", {}).is_dir()
    drop(folder)
