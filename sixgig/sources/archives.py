"""Untrusted archives: zip and tar, unpacked so that nothing is written outside the folder or grows without limit."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from sixgig.errors import CohortError
from sixgig.runtime.atomic import write_text
from sixgig.runtime.locks import locked
from sixgig.sources.http import check_space

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_DONE = ".unpacked"
_BLOCK = 1 << 20
#: What zipfile, tarfile and what unpacks for them raise on damaged bytes and on compressions unknown to them.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    RuntimeError,  # NotImplementedError among them
)
#: What stands before a member in a tar, and how long it may be: it is read as a whole.
_LONG_HEADERS = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE
)  # fmt: skip
_LONGEST_HEADER = 1 << 20
#: Folders around a file, and letters of its path: more is no cohort.
_DEEPEST, _LONGEST_NAME = 64, 4096
_REMOVED = "get the archive from its official page; what was unpacked has been removed"


@dataclass(frozen=True)
class Limits:
    """How large an archive may become when it is unpacked.

    Attributes:
        total: Maximum number of bytes in all.
        ratio: Maximum size relative to the archive (packed zeros grow a thousandfold); 100 MiB are always allowed.
        members: Maximum number of files and folders, with the folders that are only named on the way to a file.
    """

    total: int = 2**40
    ratio: float = 200.0
    members: int = 2_000_000

    def bytes_for(self, archive: Path) -> int:
        """Return the maximum number of bytes that an archive may unpack to."""
        return min(self.total, max(100 * 2**20, int(self.ratio * archive.stat().st_size)))


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    is_folder: bool
    problem: str | None


def is_archive(path: Path) -> bool:
    """Whether a file's name is that of an archive that :func:`unpack` reads."""
    return path.name.lower().endswith(SUFFIXES)


def unpack(archive: Path, target: Path, limits: Limits | None = None) -> Path:
    """Unpack an archive into a folder that appears when all of it is there.

    Links, devices, absolute paths and paths that lead out are refused, and so are names that differ only in case.
    Folders are made for the files that are in them: empty ones would take time and hold nothing.

    Args:
        archive: A zip or tar file, packed or not.
        target: The folder; used as it is when an earlier run finished it.
        limits: How large the content may become.

    Returns:
        ``target``.

    Raises:
        CohortError: The archive is damaged, encrypted or not to be trusted, or there is too little free space.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(f".{target.name}.lock")):  # two cohorts may come from one archive
        if not (target / _DONE).exists():
            for stale in (target, *target.parent.glob(f".{target.name}-*")):  # of runs that were killed
                shutil.rmtree(stale, ignore_errors=True)
            _unpack(archive, target, limits or Limits())
    return target


def _unpack(archive: Path, target: Path, limits: Limits) -> None:
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, partial, limits)
        else:
            _unpack_tar(archive, partial, limits)
        write_text(partial / _DONE, f"{archive.name}\n")
        partial.chmod(0o755)
        os.replace(partial, target)
    except _DAMAGE as error:
        step = "remove the file; it is fetched again"
        raise CohortError(archive, f"is damaged or no archive: {error}", step) from error
    except OSError as error:
        reason = f"cannot be unpacked: {error.strerror or error}"
        raise CohortError(target, reason, "free space, and run again") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unpack_zip(path: Path, folder: Path, limits: Limits) -> None:
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        seen = _Seen(path, limits)
        members = [seen.checked(_zip_member(info)) for info in infos]
        check_space(folder, sum(member.size for member in members), "unpacking")
        for info, member in zip(infos, members, strict=True):
            if member.is_folder:
                continue
            with archive.open(info) as stream:  # its checksum is verified at the end
                _write(path, stream, folder / member.name, member.size)


def _zip_member(info: zipfile.ZipInfo) -> _Member:
    mode = info.external_attr >> 16
    problem = None
    if info.flag_bits & 0x1:
        problem = "is encrypted"
    elif mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_IFMT(mode) == 0):
        problem = "is a link or a device"
    return _Member(info.filename.replace("\\", "/"), info.file_size, info.is_dir(), problem)


def _unpack_tar(path: Path, folder: Path, limits: Limits) -> None:
    # One pass: a packed tar has no index, and reading it twice would take twice as long.
    seen = _Seen(path, limits)
    with tarfile.open(path, "r|*", tarinfo=_ShortHeader) as archive:
        for info in archive:
            archive.members.clear()  # type: ignore[attr-defined]  # a list of two million headers takes gigabytes
            problem = None if info.isfile() or info.isdir() else "is a link or a device"
            member = _Member(info.name, info.size if info.isfile() else 0, info.isdir(), problem)
            if seen.checked(member).is_folder:
                continue
            stream = archive.extractfile(info)
            assert stream is not None  # only links and devices have none
            _write(path, stream, folder / member.name, member.size)


class _ShortHeader(tarfile.TarInfo):
    """A member of a tar whose long name or attributes are read into memory only when they are short."""

    def _proc_member(self, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _LONG_HEADERS and self.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        return super()._proc_member(tarfile_)  # type: ignore[misc]


class _Seen:
    """What has been found in an archive so far: every member is checked before anything is written.

    Args:
        path: The archive.
        limits: How large its content may become.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits, self._allowed = path, limits, limits.bytes_for(path)
        self._files: dict[str, str] = {}
        self._folders: set[str] = set()
        self._repeated = self._total = 0

    def checked(self, member: _Member) -> _Member:
        """Return a member that may be unpacked.

        Raises:
            CohortError: It may not, or there are too many, or too many bytes.
        """
        name = PurePosixPath(member.name)
        problem = member.problem
        if problem is None and (
            name.is_absolute() or ".." in name.parts or "\0" in member.name or re.match(r"[A-Za-z]:", member.name)
        ):
            problem = "leads out of the folder it is unpacked into"
        folded = str(name).casefold()
        if problem is None and not member.is_folder and folded in self._files:
            problem = f"is there twice, or differs from {self._files[folded]} only in case"
        if problem is not None:
            raise CohortError(f"{self._path}:{member.name}", problem, _REMOVED)
        if len(name.parts) > _DEEPEST or len(member.name) > _LONGEST_NAME:
            raise CohortError(self._path, f"holds a file in more than {_DEEPEST} folders", _REMOVED)
        self._count(folded, member)
        self._total += member.size
        if self._total > self._allowed:
            raise _bomb(self._path, self._total, self._allowed)
        return member

    def _count(self, folded: str, member: _Member) -> None:
        folder = folded
        if not member.is_folder:
            self._files[folded] = member.name
            folder = folded.rpartition("/")[0]
        elif folded in self._folders:
            self._repeated += 1  # its name takes time to read each time
        while folder and folder not in self._folders:
            self._folders.add(folder)
            folder = folder.rpartition("/")[0]
        if len(self._files) + len(self._folders) + self._repeated > self._limits.members:
            raise CohortError(self._path, f"holds more than {self._limits.members:,} files and folders", _REMOVED)


def _bomb(path: Path, total: int, allowed: int) -> CohortError:
    reason = f"would become {total / 2**20:,.0f} MiB or more, and {allowed / 2**20:,.0f} MiB are allowed for its size"
    return CohortError(path, reason, _REMOVED)


def _write(archive: Path, stream: IO[bytes], target: Path, size: int) -> None:
    """Write a member's bytes, and no more than its header says."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("xb") as output:
        for block in _blocks(stream):
            written += len(block)
            if written > size:
                raise CohortError(f"{archive}:{target.name}", "is longer than its header says", _REMOVED)
            output.write(block)
    if written < size:
        raise EOFError(f"{target.name} ends early")


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block
