import os
import stat
import subprocess
import sys
import time
import uuid
from itertools import pairwise
from pathlib import Path

import pytest

from sixgig.errors import GpuError
from sixgig.gpu import lock
from sixgig.gpu.lock import HELD_BY_PARENT, descriptors_for_child, hold_gpu, lock_path, variables_for_child

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys, time
from pathlib import Path
from sixgig.gpu.lock import hold_gpu
with hold_gpu(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(60)
"""
#: Holds the card some times, each time for a moment, and says when.
TAKER = """
import sys, time
from sixgig.gpu.lock import hold_gpu, lock_path
for _ in range(3):
    with hold_gpu(lock_path(sys.argv[1]), lambda text: None):
        began = time.monotonic()
        time.sleep(0.2)
        print(began, time.monotonic(), flush=True)
"""
#: Starts a child that uses the card, as the TensorFlow 1 arm does, says its pid, and waits to be killed.
OWNER = """
import subprocess, sys, time
from pathlib import Path
from sixgig.gpu.lock import descriptors_for_child, hold_gpu
with hold_gpu(Path(sys.argv[1]), print):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=descriptors_for_child())
    print(child.pid, flush=True)
    time.sleep(60)
"""


class HeldError(Exception):
    """Another process holds the lock."""


def say_held(text):
    raise HeldError(text)


def start(code, *arguments, **options):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, **options)


@pytest.fixture
def holder(tmp_path):
    path = tmp_path / "gpu.lock"
    process = start(HOLDER, path)
    assert process.stdout.readline() == "held\n"
    yield path, process
    process.kill()
    process.wait()


def test_second_process_waits_and_says_who_holds_the_card(holder):
    path, process = holder
    said = rf"another sixgig job holds .*gpu.lock \(process {process.pid}\)"
    with pytest.raises(HeldError, match=said), hold_gpu(path, say_held):
        pass


def test_killed_holder_releases_the_lock(holder):
    path, process = holder
    process.kill()
    process.wait()
    with hold_gpu(path, say_held):
        pass


def test_lock_is_free_again_after_the_block(tmp_path):
    path = tmp_path / "gpu.lock"
    for _ in range(2):
        with hold_gpu(path, say_held):
            pass


def test_name_is_safe_and_differs_by_card():
    assert lock_path("GPU-1/../x").name == "sixgig-gpu-GPU-1____x.lock"
    assert lock_path("a") != lock_path("b")


def test_processes_with_different_folders_for_temporary_files_never_overlap(tmp_path):
    card = f"test-{uuid.uuid4()}"
    takers = []
    try:
        for name in ("one", "two", "three"):
            (tmp_path / name).mkdir()
            takers.append(start(TAKER, card, env=os.environ | {"TMPDIR": str(tmp_path / name)}))
        lines = [line for taker in takers for line in taker.communicate()[0].splitlines()]
    finally:
        lock_path(card).unlink(missing_ok=True)
    intervals = sorted(tuple(map(float, line.split())) for line in lines)
    assert len(intervals) == 9
    assert all(stop <= start for (_, stop), (start, _) in pairwise(intervals))


def test_the_card_is_held_as_long_as_the_child_of_a_killed_owner_lives(tmp_path):
    path = tmp_path / "gpu.lock"
    owner = start(OWNER, path)
    child = int(owner.stdout.readline())
    try:
        owner.kill()
        owner.wait()
        with pytest.raises(HeldError), hold_gpu(path, say_held):
            pass
    finally:
        os.kill(child, 9)
    with hold_gpu(path, lambda text: None):  # the kernel needs a moment to end the child
        pass


def test_a_child_learns_which_descriptors_it_has_inherited(tmp_path):
    assert variables_for_child()[HELD_BY_PARENT] == ""
    with hold_gpu(tmp_path / "gpu.lock", say_held):
        (descriptor,) = descriptors_for_child()
        assert variables_for_child() == {HELD_BY_PARENT: str(descriptor)}
        assert not os.get_inheritable(descriptor)  # other children, of other work, do not hold the card
        ask = "from sixgig.gpu.lock import descriptors_for_child; print(*descriptors_for_child())"
        child = start(ask, pass_fds=(descriptor,), env=os.environ | variables_for_child())
        assert child.communicate()[0].split() == [str(descriptor)]
    assert descriptors_for_child({HELD_BY_PARENT: f"{descriptor},900,x"}) == ()  # closed, never there, no number


def test_anybody_can_lock_the_file_and_nobody_can_write_to_it(tmp_path):
    before = os.umask(0o077)
    try:
        with hold_gpu(tmp_path / "gpu.lock", say_held):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "gpu.lock").stat().st_mode) == 0o444


def test_a_link_is_not_followed(tmp_path):
    target, path = tmp_path / "precious", tmp_path / "gpu.lock"
    target.write_text("kept")
    target.chmod(0o600)
    path.symlink_to(target)
    with pytest.raises(GpuError, match="gpu.lock: the GPU lock is a symbolic link") as caught, hold_gpu(path, print):
        pass
    assert "remove it" in caught.value.next_step
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    path.unlink()
    path.symlink_to(tmp_path / "not there")
    with pytest.raises(GpuError, match="symbolic link"), hold_gpu(path, print):
        pass
    assert not (tmp_path / "not there").exists()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: os.link(__file__, path)])
def test_what_is_no_plain_file_is_refused(tmp_path, make):
    path = tmp_path / "gpu.lock"
    try:
        make(path)
    except OSError:
        pytest.skip("not on this file system")
    with pytest.raises(GpuError, match="is no plain file|has a second name"), hold_gpu(path, print):
        pass


def test_a_lock_that_was_removed_while_waiting_is_taken_anew(holder):
    path, process = holder

    def replace(text):
        path.unlink()
        process.kill()

    with hold_gpu(path, replace):
        assert path.exists()  # others find the file that is held


def test_lock_in_a_missing_folder_names_the_file(tmp_path):
    with (
        pytest.raises(GpuError, match="gpu.lock: the GPU lock cannot be opened") as caught,
        hold_gpu(tmp_path / "none" / "gpu.lock", print),
    ):
        pass
    assert "TMPDIR" not in caught.value.next_step


as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can start processes of another user")


@as_root
def test_another_users_lock_is_waited_for_and_not_touched():
    path = lock_path(f"test-{uuid.uuid4()}")  # in the real folder, which is sticky
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command = [*other, sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        if process.stdout.readline() != "held\n":
            pytest.skip("another user cannot read this checkout")
        with pytest.raises(HeldError), hold_gpu(path, say_held):
            pass
        process.kill()
        process.wait()
        with hold_gpu(path, lambda text: None):
            assert path.stat().st_uid == 65534
    finally:
        process.kill()
        path.unlink(missing_ok=True)


@as_root
def test_a_lock_that_another_user_hides_is_answered_without_advice_that_shares_the_card(tmp_path):
    tmp_path.chmod(0o777)
    path = tmp_path / "gpu.lock"
    path.touch(mode=0o600)
    ask = (
        "import sys; from pathlib import Path; from sixgig.gpu.lock import _open; from sixgig.errors import GpuError\n"
        "try: _open(Path(sys.argv[1]))\nexcept GpuError as error: print(error)"
    )
    for folder in tmp_path.parents[:-1]:  # pytest's own folders are closed to others
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run(
        [*other, sys.executable, "-c", ask, str(path)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    if "GPU lock" not in done.stdout:
        pytest.skip("another user cannot read this checkout")
    assert "the GPU lock of the user root cannot be read by you" in done.stdout
    assert "chmod a+r" in done.stdout
    assert "Do not remove the file while a job of that user runs" in done.stdout


def test_the_folder_does_not_depend_on_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert lock_path("a").parent == lock.FOLDER == Path("/tmp")


def test_the_wait_is_told_at_once(holder):
    path, process = holder
    told = []

    def tell(text):
        told.append(text)
        process.kill()

    began = time.monotonic()
    with hold_gpu(path, tell):
        pass
    assert told[0].startswith("waiting for the GPU, 0 s so far")
    assert began < time.monotonic()
