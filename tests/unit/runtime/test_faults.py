"""What may pass is told from what the data or the study file cause."""

import errno
import os
import resource
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError

from sixgig.errors import ArmError, CohortError, NotFiniteError, PassingError
from sixgig.runtime import faults
from sixgig.runtime.atomic import atomic_path, write_text
from sixgig.runtime.faults import DiskFullError, MemoryShortError, as_outcome, ended_by_signal, passing

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (MemoryError(), MemoryShortError, "host memory ran out at"),
        (np.core._exceptions._ArrayMemoryError((9,), np.dtype("u1")), MemoryShortError, "host memory ran out at"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"),
            MemoryShortError,
            "host memory ran out at",
        ),
        (RuntimeError("std::bad_alloc"), MemoryShortError, "host memory ran out at"),
        (RuntimeError("can't start new thread"), MemoryShortError, "host memory ran out at"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), MemoryShortError, "host memory ran out at"),
        (ImportError("x.so: failed to map segment from shared object"), MemoryShortError, "host memory"),
        (BrokenProcessPool("a child ended"), MemoryShortError, "was killed, probably because memory ran out"),
        (TerminatedWorkerError("a worker ended"), MemoryShortError, "was killed, probably because memory ran out"),
        (OSError(errno.ENOSPC, "No space left on device"), DiskFullError, "No space left on device; .* are free"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), DiskFullError, "Disk quota exceeded"),
        (OSError(errno.EIO, "Input/output error", "a.npy"), PassingError, "a.npy: cannot be read or written"),
        (OSError(errno.EMFILE, "Too many open files"), PassingError, "Too many open files"),
        (OSError(errno.ESTALE, "Stale file handle"), PassingError, "Stale file handle"),
        (TimeoutError("timed out"), PassingError, "timed out"),
        (RuntimeError("CUDA error: unspecified launch failure"), PassingError, "the GPU: failed: CUDA error"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), PassingError, "the GPU: failed: cuDNN"),
        (RuntimeError("NVML: GPU is lost"), PassingError, "GPU is lost"),
        (torch.AcceleratorError("the launch timed out and was terminated"), PassingError, "the GPU: failed"),
        (RuntimeError("PytorchStreamWriter failed writing file data/0"), PassingError, "could not be read or written"),
    ],
)
def test_what_may_pass(error, kind, said):
    found = passing(error)
    assert type(found) is kind
    with pytest.raises(kind, match=said):
        as_outcome(error)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ArmError("atoms", "are too many", "use fewer"), "failed: atoms: are too many"),
        (NotFiniteError("step 3", "the loss is nan", "lower it"), "failed: step 3: the loss is nan"),
        (RuntimeError("shapes do not fit"), "failed: RuntimeError: shapes do not fit"),
        (RuntimeError("CUDA error: device-side assert triggered"), "failed: RuntimeError: CUDA error: device-side"),
        (ValueError("not a number"), "failed: ValueError: not a number"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), "failed: FileNotFoundError"),
    ],
)
def test_what_the_data_cause(error, status):
    assert passing(error) is None
    assert as_outcome(error).startswith(status)


def test_what_is_behind_an_error_counts_and_its_place_stays():
    with pytest.raises(CohortError) as caught:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise CohortError("c", "cannot be written", "free space") from error
    found = passing(caught.value)
    assert type(found) is DiskFullError
    assert (found.place, found.next_step) == ("c", "free space")
    assert "No space left on device" in found.reason


def test_a_signal_is_memory_only_when_the_kernel_says_so(monkeypatch):
    monkeypatch.setattr(faults, "oom_kills", lambda: 4)
    assert type(ended_by_signal("it", 9, 4)) is PassingError
    assert type(ended_by_signal("it", 9, 3)) is MemoryShortError
    assert type(ended_by_signal("it", 15, 3)) is PassingError
    assert "was ended by signal 15" in str(ended_by_signal("it", 15, 3))


def test_kills_are_counted_in_the_own_control_groups(tmp_path):
    (tmp_path / "v2/user").mkdir(parents=True)
    (tmp_path / "v2/user/memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    (tmp_path / "v2/memory/box").mkdir(parents=True)
    (tmp_path / "v2/memory/box/memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    own = tmp_path / "cgroup"
    own.write_text("5:cpu,memory:/box\n1:cpu:/x\n0::/user\n")
    found = faults._group_files(own, tmp_path / "v2")
    assert [faults._counter(path, "oom_kill") for path in found] == [5, 2]
    assert faults._counter(tmp_path / "nowhere", "oom_kill") == 0


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MiB, where this process may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=False)
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_says_where_and_how_much_is_missing(small_disk):
    with pytest.raises(OSError, match="No space left") as caught:
        write_text(small_disk / "table.csv", "x" * 3 * 2**20)
    found = passing(caught.value)
    assert type(found) is DiskFullError
    assert found.place == str(small_disk / "table.csv")
    assert found.reason == (
        "cannot be written: No space left on device; 2.0 MiB are free there, 3.0 MiB are needed: 1.0 MiB are missing"
    )
    assert not list(small_disk.iterdir())


def test_a_file_of_unknown_size_says_what_was_not_enough(small_disk):
    with (
        pytest.raises(OSError, match="No space left") as caught,
        atomic_path(small_disk / "a.npy") as partial,
        partial.open("wb") as stream,
    ):
        for _ in range(5):
            stream.write(bytes(2**20))
    reason = passing(caught.value).reason
    assert reason.endswith("2.0 MiB are free there, and 2.0 MiB were not enough")


def test_features_that_do_not_fit_are_an_error_and_no_bus_error(small_disk):
    from sixgig.arms.encoding import PartialFeatures

    partial = PartialFeatures(small_disk, 3000)
    with pytest.raises(OSError, match="No space left") as caught:
        partial.put(0, 10, np.zeros((10, 256), np.float32))
    found = passing(caught.value)
    assert found.place == str(small_disk / "features.npy")
    assert found.reason.endswith("2.0 MiB are free there, 2.9 MiB are needed: 0.9 MiB are missing")


def test_memory_that_ends_a_process_is_a_passing_error():
    code = (
        "import resource, torch\n"
        "from sixgig.runtime.faults import passing\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))\n"
        "try:\n    torch.ones(2**32)\n"
        "except Exception as error:\n    print(type(error).__name__, passing(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.startswith("RuntimeError this job: host memory ran out at "), done.stdout + done.stderr
    assert "Next step: close other programs and run again" in done.stdout


def test_a_file_size_limit_is_a_full_disk(tmp_path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "from sixgig.runtime.atomic import write_text\nfrom sixgig.runtime.faults import passing\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    write_text(Path(sys.argv[1]), 'x' * 5000)\n"
        "except OSError as error:\n    print(type(passing(error)).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "t")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stdout == "DiskFullError\n", done.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == limit
    assert os.listdir(tmp_path) == []
