"""Pinned wheels as a source of files: download one by name, version and sha256, and read what is inside.

A wheel is only ever read here. It is never installed and nothing in it is imported.
"""

from __future__ import annotations

import difflib
import functools
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from sixgig.errors import ConfigError
from sixgig.runtime.digests import file_sha256
from sixgig.runtime.stopping import end_with_parent

log = logging.getLogger(__name__)

#: Seconds to wait before the second and the third attempt, when the network failed.
RETRY_DELAYS = (2.0, 8.0)

_NETWORK_TROUBLE = re.compile(
    r"connection broken|connection (?:aborted|refused|reset|error|timed out)|NewConnectionError|ConnectTimeout|"
    r"Max retries exceeded|Read ?timed ?out|ReadTimeout|name resolution|Name or service not known|"
    r"Network is unreachable|ProxyError|IncompleteRead|ProtocolError|SSLError|\b50[0234] Server Error",
    re.IGNORECASE,
)


def fetch_wheel(package: str, version: str, sha256: str, folder: Path, *, pip: Sequence[str] | None = None) -> Path:
    """Return a pinned wheel in ``folder``, downloading it when it is not there yet.

    A file already there is used if its sha256 is right, whoever put it there, and fetched again if it is wrong. The
    file appears by an atomic rename, so several jobs may fetch the same wheel at once.

    Args:
        package: Name of the package on the registry.
        version: Its version.
        sha256: The sha256 that the wheel must have, 64 hexadecimal digits.
        folder: Where wheels are kept.
        pip: The command that starts pip; this interpreter's pip when None. Pip's own settings (registry, proxy,
            certificates) apply.

    Returns:
        The path of the wheel.

    Raises:
        ConfigError: The pin is malformed, the registry has no such wheel or one with another sha256, or the registry
            cannot be reached.
    """
    place = f"wheel {package}=={version}"
    wanted = sha256.lower()
    if not re.fullmatch(r"[0-9a-f]{64}", wanted):
        raise ConfigError(
            place, f"sha256 is {sha256!r}, not 64 hexadecimal digits", "copy the whole sha256 of the wheel"
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", package) or not re.fullmatch(r"[A-Za-z0-9.!+_-]+", version):
        raise ConfigError(
            place, "this is not a package name and a version", "write them as the package registry does, such as 1.0.0"
        )
    folder.mkdir(parents=True, exist_ok=True)
    kept = _kept_wheel(package, version, wanted, folder)
    if kept is not None:
        return kept
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        wheel = _download(package, version, wanted, Path(partial), folder, pip or (sys.executable, "-m", "pip"))
        # Pip has checked this too, but a pip given by the caller is not ours to trust.
        found = file_sha256(wheel)
        if found != wanted:
            raise _wrong_hash(place, found, wanted)
        with wheel.open("rb") as stream:
            os.fsync(stream.fileno())
        final = folder / wheel.name
        os.replace(wheel, final)
    return final


def member_names(wheel: Path) -> list[str]:
    """Return the paths of all files inside a wheel, in archive order.

    Raises:
        ConfigError: The file is missing or is not a wheel.
    """
    with _open(wheel) as archive:
        return archive.namelist()


def read_member(wheel: Path, member: str) -> bytes:
    """Return the content of one file inside a wheel.

    Args:
        wheel: The wheel.
        member: Path inside it, with forward slashes.

    Raises:
        ConfigError: The wheel is missing or damaged, or holds no such file.
    """
    with _open(wheel) as archive:
        try:
            return archive.read(member)
        except KeyError:
            names = archive.namelist()
            near = difflib.get_close_matches(member, names, n=3, cutoff=0.3) or names[:3]
            raise ConfigError(
                wheel, f"holds no file {member!r}", f"name a file that is in it, such as {', '.join(near)}"
            ) from None
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise ConfigError(wheel, f"cannot be read: {error}", "delete the file; it is fetched again") from error


def _open(wheel: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(wheel)
    except (zipfile.BadZipFile, OSError) as error:
        raise ConfigError(wheel, f"is not a readable wheel: {error}", "delete the file; it is fetched again") from error


def _kept_wheel(package: str, version: str, wanted: str, folder: Path) -> Path | None:
    """Find a wheel of this package and version in the folder that has the right sha256."""
    for path in sorted(folder.glob("*.whl")):
        name, found_version = [*path.stem.split("-"), ""][:2]
        if _normal(name) != _normal(package) or _normal(found_version) != _normal(version):
            continue
        try:
            found = file_sha256(path)
        except FileNotFoundError:  # another job is replacing it
            continue
        if found == wanted:
            return path
        log.warning("%s has sha256 %s, but %s is pinned: fetching it again", path, found, wanted)
    return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _download(package: str, version: str, sha256: str, partial: Path, folder: Path, pip: Sequence[str]) -> Path:
    """Run ``pip download`` into an empty folder, again when the network fails, and return the wheel."""
    requirement = partial / "requirement.txt"
    requirement.write_text(f"{package}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
    options = "download --no-deps --only-binary :all: --require-hashes --no-input --progress-bar off --retries 2"
    command = [*pip, *options.split(), "--dest", str(partial), "--requirement", str(requirement)]
    for delay in (*RETRY_DELAYS, None):
        log.info("fetching %s==%s", package, version)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", check=False,
                preexec_fn=functools.partial(end_with_parent, os.getpid()),
            )  # fmt: skip
        except OSError as error:
            raise ConfigError(
                f"wheel {package}=={version}", f"pip does not start: {error}", "run `make` to set up .venv again"
            ) from error
        wheels = list(partial.glob("*.whl"))
        if done.returncode == 0 and len(wheels) == 1:
            return wheels[0]
        output = done.stdout + done.stderr
        if delay is None or not _NETWORK_TROUBLE.search(output):
            break
        log.warning("the registry cannot be reached; trying %s again in %g s", package, delay)
        time.sleep(delay)
    raise _failure(package, version, sha256, folder, output)


def _failure(package: str, version: str, wanted: str, folder: Path, output: str) -> ConfigError:
    """Turn pip's output into an error that says what to do."""
    place = f"wheel {package}=={version}"
    if "DO NOT MATCH THE HASHES" in output:
        got = re.search(r"Got\s+([0-9a-f]{64})", output)
        return _wrong_hash(place, got.group(1) if got else "unknown", wanted)
    if _NETWORK_TROUBLE.search(output):
        return ConfigError(
            place,
            "the package registry cannot be reached (no network, or a proxy is missing)",
            f"connect to the network and run again; or fetch the wheel on another computer with "
            f"`pip download --no-deps {package}=={version}` and put it into {folder}",
        )
    if "No matching distribution found" in output:
        versions = re.search(r"from versions: ([^)]*)\)", output)
        offered = versions.group(1) if versions else "none"
        return ConfigError(
            place,
            f"the package registry has no such wheel (versions it offers: {offered})",
            "correct `package` and `version` in the study file",
        )
    lines = [line for line in output.splitlines() if line.strip()][-3:]
    return ConfigError(
        place, f"pip failed: {' / '.join(lines) or 'no output'}", "solve what pip reports, then run again"
    )


def _wrong_hash(place: str, found: str, wanted: str) -> ConfigError:
    return ConfigError(
        place,
        f"the wheel has sha256 {found}, but the study file pins {wanted}",
        "do not use this file unless you know why it changed; if you do, write its sha256 into the study file",
    )
