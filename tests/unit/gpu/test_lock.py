import subprocess
import sys
import time
from pathlib import Path

import pytest

from sixgig.errors import GpuError
from sixgig.gpu.lock import hold_gpu, lock_path

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys, time
from pathlib import Path
from sixgig.gpu.lock import hold_gpu
with hold_gpu(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    path = tmp_path / "gpu.lock"
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout.readline() == "held\n"
    yield path, process
    process.kill()
    process.wait()


def test_second_process_waits_and_says_so(holder):
    path, _ = holder

    def say(text):
        raise InterruptedError(text)

    with pytest.raises(InterruptedError, match="another sixgig job holds"), hold_gpu(path, say):
        pass


def test_killed_holder_releases_the_lock(holder):
    path, process = holder
    process.kill()
    process.wait()
    with hold_gpu(path, print):
        pass


def test_lock_is_free_again_after_the_block(tmp_path):
    path = tmp_path / "gpu.lock"
    for _ in range(2):
        started = time.monotonic()
        with hold_gpu(path, print):
            pass
        assert time.monotonic() - started < 1.0


def test_name_is_safe_and_differs_by_card():
    assert lock_path("GPU-1/../x").name == "sixgig-gpu-GPU-1____x.lock"
    assert lock_path("a") != lock_path("b")


def test_lock_in_a_missing_folder_names_the_file(tmp_path):
    with (
        pytest.raises(GpuError, match="gpu.lock: the GPU lock cannot be opened"),
        hold_gpu(tmp_path / "none" / "gpu.lock", print),
    ):
        pass
