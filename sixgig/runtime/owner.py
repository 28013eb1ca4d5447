"""Who runs a study in a working directory: one main process, which holds a file that the kernel frees with it.

Snakemake's own lock is a file that a killed run leaves behind. The owner writes down which of those files are its own,
so that the next owner removes them, and only them.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sixgig.errors import SixgigError
from sixgig.runtime.processes import OWNER, OWNERS, Identity, end_members, this_process
from sixgig.runtime.running import FOLDER, killed_jobs
from sixgig.runtime.stopping import GRACE_SECONDS

SNAKEMAKE_LOCKS = Path(".snakemake") / "locks"
#: How often an owner shows to other machines that it lives, and how long they look.
BEAT_SECONDS, LOOK_SECONDS = 15.0, 90.0
#: Snakemake makes its locks within this time after an owner has written their names down.
_LOCKING_SECONDS = 60.0
_SIZE = 4096
_MEMORY = Path("/dev/shm")

Tell = Callable[[str], object]


class OwnerError(SixgigError):
    """Another run owns the study."""


@dataclass(frozen=True)
class Owner:
    """What an owner writes down.

    Attributes:
        study: Name of the study.
        host: Name of the machine.
        boot: This start of the machine, see :class:`sixgig.runtime.processes.Identity`.
        pid: Number of the main process.
        began: When that process began, as the kernel counts.
        since: Seconds since the epoch.
        locks: Names of its files among Snakemake's locks.
        locked: When it made them, by the clock of the file system.
    """

    study: str
    host: str
    boot: str
    pid: int
    began: str
    since: float
    locks: tuple[str, ...] = ()
    locked: float = 0.0

    @property
    def process(self) -> Identity:
        """Its main process."""
        return Identity(self.boot, self.pid, self.began)

    @property
    def told(self) -> str:
        """The owner, in words."""
        return f"process {self.pid} on {self.host}, since {time.strftime('%d %B %H:%M', time.localtime(self.since))}"


class Ownership:
    """A study in a working directory, owned by this process; see :meth:`take`.

    Args:
        study: Name of the study.
        root: The working directory.
        tell: Called with a sentence for people.
    """

    def __init__(self, study: str, root: Path, tell: Tell) -> None:
        self._study, self._root, self._tell = study, root.resolve(), tell
        self._file = self._root / OWNERS / f"{study}.json"
        self._descriptor = -1
        self._over = threading.Event()
        process = this_process()
        self._owner = Owner(study, socket.gethostname(), process.boot, process.pid, process.began, time.time())

    @property
    def token(self) -> str:
        """What the processes of this run carry in their environment."""
        return self._owner.process.token

    def take(self) -> None:
        """Become the owner. What a dead owner left is put in order first: processes, locks, unfinished files.

        Raises:
            OwnerError: There is a living owner, or the file cannot be written.
        """
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            step = "run the study where you may write, or ask who owns the folder"
            raise OwnerError(self._file, f"cannot be written: {error.strerror}", step) from None
        try:
            earlier = self._lock()
            if earlier is not None:
                self._inherit(earlier)
        except BaseException:
            os.close(self._descriptor)
            self._descriptor = -1
            raise
        os.environ[OWNER] = self.token
        self._write(self._owner)
        threading.Thread(target=self._beat, name="sixgig-beat", daemon=True).start()

    def note_locks(self) -> None:
        """Write down which files Snakemake is about to make among its locks."""
        names = tuple(_next(self._root / SNAKEMAKE_LOCKS, kind) for kind in ("input", "output"))
        for _ in range(2):  # the time of the file system, which may be another machine's
            locked = os.fstat(self._descriptor).st_mtime
            self._owner = replace(self._owner, locks=names, locked=locked)
            self._write(self._owner)

    def release(self, finished: bool) -> None:
        """Give the study back.

        Args:
            finished: Whether all that was asked for is done: then no job's record stays.
        """
        if self._descriptor < 0:
            return
        self._over.set()
        remove_locks(self._root, self._owner)
        if finished:
            self._drop_records()
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = -1

    def _drop_records(self) -> None:
        folder = self._root / "results" / self._study / FOLDER
        for job in killed_jobs(folder.parent):
            (folder / f"{job.key}.json").unlink(missing_ok=True)
        with suppress(OSError):  # a job of another machine still has one
            folder.rmdir()

    def _lock(self) -> Owner | None:
        """Lock the file, and return the owner who did not give it back."""
        if not self._free():
            owner = self._read()
            if owner is None or not owner.process.here or owner.process.lives:
                raise self._taken(owner)
            # A child of the dead owner holds the file: it was started just when the owner was killed.
            self._tell(f"waiting for what is left of a run that was killed ({owner.told})")
            end_members(owner.process.token, GRACE_SECONDS)
            if not self._free():
                raise self._taken(owner)
        owner = self._read()
        if owner is not None and not owner.process.here and owner.host != socket.gethostname():
            self._look(owner)
        return owner

    def _free(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            reason = f"cannot be locked: {error.strerror}"
            raise OwnerError(self._file, reason, "run the study on a file system with locks (flock)") from None
        return True

    def _look(self, owner: Owner) -> None:
        """Raise when an owner on another machine gives a sign of life: not every file system locks between machines."""
        self._tell(
            f"an earlier run has not ended in order ({owner.told}): looking if it lives, for {LOOK_SECONDS:.0f} s"
        )
        before, deadline = self._file.stat().st_mtime_ns, time.monotonic() + LOOK_SECONDS
        while time.monotonic() < deadline:
            time.sleep(1.0)
            if self._file.stat().st_mtime_ns != before:
                raise self._taken(owner)

    def _taken(self, owner: Owner | None) -> OwnerError:
        who = "another process" if owner is None else owner.told
        end = "wait for it" if owner is None else f"wait for it, or end it (on {owner.host}: kill {owner.pid})"
        return OwnerError(f"study {self._study}", f"is being run by {who}", f"{end}, then run again")

    def _inherit(self, owner: Owner) -> None:
        """Put in order what a dead owner left."""
        self._tell(f"an earlier run was killed ({owner.told}): going on from where it was")
        if owner.process.here:
            end_members(owner.process.token, GRACE_SECONDS + 5.0, self._tell)
        remove_locks(self._root, owner)
        folder = self._root / "results" / self._study
        for job in killed_jobs(folder):
            if job.host == socket.gethostname():
                _free_shared_memory(job.pid)
        remove_unfinished(folder)

    def _read(self) -> Owner | None:
        try:
            values = json.loads(os.pread(self._descriptor, _SIZE, 0))
            return Owner(**{**values, "locks": tuple(values["locks"])})
        except (ValueError, TypeError, KeyError):  # given back, or cut off by a power cut
            return None

    def _write(self, owner: Owner) -> None:
        # In one piece of one size, so that nobody reads half of it.
        os.pwrite(self._descriptor, json.dumps(asdict(owner)).encode().ljust(_SIZE), 0)
        os.fsync(self._descriptor)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with suppress(OSError):
                os.utime(self._file)


def living_owner(study: str, root: Path = Path()) -> Owner | None:
    """Return who runs a study just now, as far as this machine can tell; nothing is locked for the question.

    Args:
        study: Name of the study.
        root: The working directory.
    """
    try:
        values = json.loads((root / OWNERS / f"{study}.json").read_bytes())
        owner = Owner(**{**values, "locks": tuple(values["locks"])})
    except (OSError, ValueError, TypeError, KeyError):  # nobody does
        return None
    return owner if owner.process.here and owner.process.lives else None


def remove_locks(root: Path, owner: Owner) -> None:
    """Remove an owner's own files among Snakemake's locks; one that was made later is another workflow's."""
    for name in owner.locks:
        file = root / SNAKEMAKE_LOCKS / name
        with suppress(OSError):
            if abs(file.stat().st_mtime - owner.locked) < _LOCKING_SECONDS:
                file.unlink()
    with suppress(OSError):  # another workflow's are there
        (root / SNAKEMAKE_LOCKS).rmdir()


def _next(folder: Path, kind: str) -> str:
    """Return the name that Snakemake gives its next lock."""
    number = 0
    while (folder / f"{number}.{kind}.lock").exists():
        number += 1
    return f"{number}.{kind}.lock"


def remove_unfinished(folder: Path) -> None:
    """Remove the files and folders that killed processes were writing; nothing may be writing there meanwhile."""
    for path, folders, files in os.walk(folder):
        for name in [name for name in folders if name.startswith(".partial-")]:
            folders.remove(name)
            shutil.rmtree(Path(path, name), ignore_errors=True)
        for name in files:
            if name.startswith(".partial-"):
                Path(path, name).unlink(missing_ok=True)


def _free_shared_memory(pid: int) -> None:
    """Remove what the workers of a killed process had in shared memory, under names with the process's number."""
    for pattern in (f"sem.loky-{pid}-*", f"joblib_memmapping_folder_{pid}_*"):
        for path in _MEMORY.glob(pattern):
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
