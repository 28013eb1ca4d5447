"""Puts a study into one archive."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from sixgig.errors import SixgigError
from sixgig.reporting.exports import write_tables
from sixgig.reporting.page import write_report
from sixgig.results.study import Study
from sixgig.runtime.places import WORKFLOW
from sixgig.runtime.recorded_hashes import OUTPUTS, write_hashes
from sixgig.sharing.archive import write_archive
from sixgig.sharing.contents import EXTRAS, chosen_files
from sixgig.sharing.crate import METADATA, check_metadata, write_metadata
from sixgig.sharing.hiding import check_hidden, hide
from sixgig.sharing.names import Names
from sixgig.sharing.pictures import shows_images, write_placeholder

_ENVIRONMENT = ("main.txt", "main.yaml", "tensorflow1.txt", "tensorflow1.yaml")
_SALT_BYTES = 32
#: What is written from the rest of a study when names are hidden in it.
_WRITTEN_AGAIN = ("report.html", "tables/")


def bundle_study(
    folder: Path, target: Path, hash_ids: bool = False, extras: Collection[str] = (), salt: bytes | None = None
) -> list[str]:
    """Write a study into a zip archive with RO-Crate metadata.

    Tables, report, figures, splits, predictions, study file, environment and versions go in, and logs when names are
    not hidden. Report and figures are without images of subjects unless ``images`` is among the extras.

    Args:
        folder: The study's folder.
        target: The archive.
        hash_ids: Put keyed hashes in the place of all names of subjects, images, volumes and files, by a key that is
            drawn now and kept nowhere; and leave out paths of this machine.
        extras: Names in :data:`sixgig.sharing.contents.EXTRAS`.
        salt: The key, for tests; drawn when None.

    Returns:
        The files in the archive, by their path in it.

    Raises:
        SixgigError: There is no such study, it has no report, names are to be hidden and arrays to go in, or a name was
            found in what would have been written.
    """
    study = Study(folder)
    if not (folder / "report.html").is_file():
        raise SixgigError(folder / "report.html", "is not there", "run the study to its end first")
    if hash_ids and extras:
        shown = ", ".join(sorted(extras))
        raise SixgigError(
            folder,
            f"{shown} cannot go in while names are hidden",
            "leave out --hash-ids, or leave out what --with adds",
        )
    names = Names(folder, salt or secrets.token_bytes(_SALT_BYTES)) if hash_ids else None
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=target.parent) as temporary:
        place = Path(temporary) / study.name
        _copy(folder, place, names, extras)
        _study_file(place)
        _environment(place)
        files = [name for name in chosen_files(place, EXTRAS, logs=True) if not _left_out(name, extras)]
        write_hashes(place, [place / name for name in files], Path(temporary) / "known.json")
        files.append(OUTPUTS)
        if names is not None:
            check_hidden(place, files, names)
        write_metadata(place, files, _facts(Study(place), folder, names is not None))
        check_metadata(place, files)
        write_archive(place, [*files, METADATA], "", target)
    return sorted([*files, METADATA])


def _left_out(name: str, extras: Collection[str]) -> bool:
    return "images" not in extras and shows_images(name)


def _copy(folder: Path, place: Path, names: Names | None, extras: Collection[str]) -> None:
    """Copy the chosen files, hide names in them, and write again what follows from them."""
    for name in chosen_files(folder, extras, logs=names is None):
        if _left_out(name, extras):
            if name.endswith(".svg"):
                write_placeholder(place / name)
        elif names is not None:
            if not name.startswith(_WRITTEN_AGAIN):
                hide(folder, place, name, names)
        else:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(folder / name, place / name)
    if "images" not in extras:
        write_report(Study(place), place / "report.html")
    if names is not None:
        write_tables(Study(place), place / "tables")


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _study_file(place: Path) -> None:
    config = Study(place).config
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=110)
    (place / "study.yaml").write_text(text, encoding="utf-8")


def _environment(place: Path) -> None:
    (place / "environment").mkdir()
    for name in _ENVIRONMENT:
        if (WORKFLOW / "envs" / name).is_file():
            shutil.copyfile(WORKFLOW / "envs" / name, place / "environment" / name)


def _facts(study: Study, folder: Path, hidden: bool) -> dict[str, Any]:
    # The day of the report, and not today: the same study gives the same archive.
    seconds = float(os.environ.get("SOURCE_DATE_EPOCH") or (folder / "report.html").stat().st_mtime)
    words = "Names of subjects are replaced by keyed hashes. " if hidden else ""
    return {
        "name": study.title,
        "description": f"Results of the sixgig study {study.name}: ways of turning medical images into features, "
        f"compared. {words}It holds no images unless they are listed.",
        "date": datetime.fromtimestamp(seconds, UTC).date().isoformat(),
        "versions": dict(study.info.get("versions") or {}),
    }
