"""Which processes belong to a run, whether they live, and how they are ended.

A run is known by its main process: the number of the start of the machine, of the process, and the moment when the
process began, since the kernel gives a number again. All processes that it starts carry these in their environment.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

#: Environment variable with the main process of the run that a process belongs to.
OWNER = "SIXGIG_OWNER"
#: Where the files of owners are, in the working directory; one for each study.
OWNERS = Path(".snakemake") / "sixgig"
_POLL_SECONDS = 0.1
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Identity:
    """A process that no other one is taken for.

    Attributes:
        boot: What this start of the machine is known by; the machine's name where there is no such thing.
        pid: Number of the process.
        began: When it began, as the kernel counts.
    """

    boot: str
    pid: int
    began: str

    @property
    def token(self) -> str:
        """All three in one text."""
        return f"{self.boot}:{self.pid}:{self.began}"

    @property
    def here(self) -> bool:
        """Whether it is a process of this machine, since it was started."""
        return self.boot == boot()

    @property
    def lives(self) -> bool:
        """Whether the process runs. Only true of processes of this machine."""
        return self.here and began(self.pid) == self.began


def boot() -> str:
    """Return what this start of the machine is known by."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return socket.gethostname()


def began(pid: int) -> str:
    """Return when a process began; empty when there is none, or when it has ended and nobody has asked how yet."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def this_process() -> Identity:
    """Return the process that asks."""
    return Identity(boot(), os.getpid(), began(os.getpid()))


def of_token(token: str) -> Identity | None:
    """Return the process that a token stands for; None for another text."""
    start, _, rest = token.partition(":")
    pid, _, moment = rest.partition(":")
    return Identity(start, int(pid), moment) if pid.isdigit() else None


def members(token: str) -> list[Identity]:
    """Return the processes that belong to a run, without this one and those that it was started by."""
    wanted = f"{OWNER}={token}".encode()
    own = {os.getpid(), *ancestors(os.getpid())}  # a shell that a job once opened may ask
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in own:
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended, or is another user's
            continue
        moment = began(int(entry.name)) if wanted in variables else ""
        if moment:
            found.append(Identity(boot(), int(entry.name), moment))
    return found


def parent(pid: int) -> int:
    """Return the number of the process that started a process; 0 when that process has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def ancestors(pid: int) -> Iterator[int]:
    """Yield the numbers of a process's parent, of its parent, and so on up to those that the system started."""
    while (pid := parent(pid)) > 1:
        yield pid


def send(processes: Iterable[Identity], number: int) -> None:
    """Send a signal to processes that still live."""
    for process in processes:
        if process.lives:
            try:
                os.kill(process.pid, number)
            except (ProcessLookupError, PermissionError):
                continue


def end_members(token: str, seconds: float, tell: Callable[[str], object] = lambda text: None) -> None:
    """End what is left of a run whose main process is dead; its jobs know, and are ending by themselves.

    Args:
        token: Of the run.
        seconds: How long they may take to save their work.
        tell: Called with a sentence when there are some.
    """
    deadline, told, unseen = time.monotonic() + seconds, False, 0
    while unseen < 2:  # a process that is just being started shows no variables for a moment
        left = members(token)
        unseen = 0 if left else unseen + 1
        if left and not told:
            told = True
            tell("waiting for its jobs to save their work and end")
        if time.monotonic() >= deadline:
            send(left, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def wait_for(process: Identity) -> None:
    """Return when a process of this machine has ended."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (OSError, AttributeError):  # it has ended, or the kernel is older than 5.3
        while process.lives:
            time.sleep(_POLL_SECONDS)
        return
    try:
        if process.lives:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll()
    finally:
        os.close(descriptor)


def end_with_owner(number: int = signal.SIGTERM) -> None:
    """Send this process a signal when the main process of its run ends, however it ends.

    The kernel's own signal at a parent's death is not enough: a shell may stand between, and it comes when the thread
    ends that started the job.
    """
    owner = of_token(os.environ.get(OWNER, ""))
    if owner is not None and owner.here:
        when_ended(owner, lambda: os.kill(os.getpid(), number))


def when_ended(process: Identity, act: Callable[[], object]) -> None:
    """Call something, in a thread, when a process has ended."""

    def wait() -> None:
        wait_for(process)
        act()

    threading.Thread(target=wait, name="sixgig-owner", daemon=True).start()
