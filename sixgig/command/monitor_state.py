"""What `sixgig monitor` shows: what runs just now, the cards and the machine."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from sixgig.errors import ConfigError
from sixgig.gpu.card import all_cards
from sixgig.gpu.readers import NotReadableError, NvmlReader, Reader, Sample, SmiReader
from sixgig.runtime.running import FOLDER, Running, killed_jobs, running_jobs
from sixgig.telling import status_file

_MIB = 1024 * 1024
#: Seconds before a machine without a readable card is asked again.
_ASK_AGAIN = 10.0


@dataclass(frozen=True)
class StudyState:
    """One study just now.

    Attributes:
        name: Name of its folder.
        folder: The folder.
        running: Jobs that run.
        killed: Jobs that ended without saying so: they failed or were killed.
        report: When the report was written, in seconds since the epoch; None before.
        whole: Where the whole run is, see :mod:`sixgig.telling.status_file`; None when none runs.
    """

    name: str
    folder: str
    running: Sequence[Running]
    killed: Sequence[Running]
    report: float | None
    whole: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Host:
    """The machine just now: shares in per cent, memory and disk in MiB; the disk is that of the results."""

    cpu_percent: float
    ram_used_mb: float
    ram_total_mb: float
    swap_used_mb: float
    swap_total_mb: float
    disk_free_mb: float
    disk_total_mb: float


@dataclass(frozen=True)
class Frame:
    """All that is shown at one moment.

    Attributes:
        now: Seconds since the epoch.
        studies: Those that were asked for, or those that run.
        cards: Every card of the machine.
        no_card: Why there is none; empty when there is one.
        host: The machine.
    """

    now: float
    studies: Sequence[StudyState]
    cards: Sequence[Sample]
    no_card: str
    host: Host

    def as_json(self) -> str:
        """Return the frame as JSON, with the seconds that are left of every running job."""
        frame = asdict(self)
        for study, shown in zip(self.studies, frame["studies"], strict=True):
            shown["running"] = [{**asdict(job), "seconds_left": job.seconds_left} for job in study.running]
        return json.dumps(frame, indent=2)


@dataclass
class Cards:
    """Reads every card of the machine, as long as they can be read."""

    _readers: list[tuple[str, Reader]] = field(default_factory=list)
    _problem: str = ""
    _next: float = 0.0

    def read(self) -> tuple[list[Sample], str]:
        """Return a sample of every card, and why there is none."""
        if not self._readers and time.monotonic() >= self._next:
            self._find()
        samples = []
        for name, reader in self._readers:
            try:
                found = reader.read()
                samples.append(found if found.name else _named(found, name))
            except NotReadableError as error:
                self._give_up(str(error))
                break
        return samples, "" if samples else self._problem

    def _find(self) -> None:
        cards = all_cards()
        if not cards:
            self._give_up("no GPU, or no driver that shows one")
            return
        for card in cards:
            reader: Reader
            try:
                try:
                    reader = NvmlReader(card.uuid)
                except NotReadableError:
                    reader = SmiReader(card.uuid)
            except NotReadableError as error:
                self._give_up(str(error))
                return
            self._readers.append((card.name, reader))

    def _give_up(self, problem: str) -> None:
        for _, reader in self._readers:
            reader.close()
        self._readers, self._problem, self._next = [], problem, time.monotonic() + _ASK_AGAIN


def _named(sample: Sample, name: str) -> Sample:
    return Sample(**{**asdict(sample), "name": name})


def collect(folders: Sequence[Path], cards: Cards) -> Frame:
    """Return what is to be shown now.

    Args:
        folders: The studies' folders.
        cards: What reads the cards.
    """
    samples, problem = cards.read()
    place = next((folder for folder in folders if folder.is_dir()), Path())
    return Frame(time.time(), [_study(folder) for folder in folders], samples, problem, _host(place))


def study_folders(target: Path | None) -> _Folders:
    """Return what finds the studies' folders at any moment; see :func:`monitor` for ``target``.

    Raises:
        ConfigError: There is no such study.
    """
    if target is None:
        return _Folders(Path("results"), is_root=True)
    if target.is_dir():
        if (target / "results").is_dir():
            return _Folders(target / "results", is_root=True)
        return _Folders(target, is_root=target.name == "results")
    if target.is_file():
        from sixgig.plan.study_file import read_study

        name = read_study([target.resolve()], []).config.get("study")
        if isinstance(name, str) and name:
            return _Folders(Path("results") / name, is_root=False)
        raise ConfigError(target, "does not name a study", "add the key `study`")
    step = "name a study file or a folder of results, such as results/default"
    raise ConfigError(target, "does not exist", step)


@dataclass(frozen=True)
class _Folders:
    """Finds the folders of the studies to show: one, or those of a folder of results in which something runs."""

    folder: Path
    is_root: bool

    def __call__(self) -> list[Path]:
        if not self.is_root:
            return [self.folder]
        found = [path.parent for path in self.folder.glob(f"*/{FOLDER}") if any(path.glob("*.json"))]
        return sorted(found) or sorted(self.folder.glob("*/logs"), key=lambda path: path.stat().st_mtime)[-1:]


def _study(folder: Path) -> StudyState:
    folder = folder.parent if folder.name == "logs" else folder
    report = folder / "report.html"
    try:
        written = report.stat().st_mtime
    except OSError:
        written = None
    return StudyState(
        folder.name, str(folder), running_jobs(folder), killed_jobs(folder), written, status_file.read(folder)
    )


def _host(place: Path) -> Host:
    memory, swap, disk = psutil.virtual_memory(), psutil.swap_memory(), psutil.disk_usage(str(place.resolve()))
    used = memory.total - memory.available
    numbers = (used, memory.total, swap.used, swap.total, disk.free, disk.total)
    return Host(psutil.cpu_percent(), *(number / _MIB for number in numbers))
