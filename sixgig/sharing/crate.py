"""RO-Crate metadata of an archive: what each file is, in words that machines read."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from sixgig.errors import SixgigError
from sixgig.runtime.digests import file_sha256
from sixgig.version import __version__

#: Its name is part of the format.
METADATA = "ro-crate-metadata.json"
#: The newest version whose context is the widespread one.
_VERSION = "1.1"
_SOFTWARE = "#sixgig"
_KINDS = {
    ".csv": "text/csv", ".tsv": "text/tab-separated-values", ".md": "text/markdown", ".tex": "application/x-tex",
    ".yaml": "application/yaml", ".log": "text/plain", ".npy": "application/octet-stream",
    ".npz": "application/zip", ".safetensors": "application/octet-stream", ".sha256": "text/plain",
}  # fmt: skip
_ABOUT = {
    "report.html": "Report of the study", "study.json": "Configuration, versions and machine of the study",
    "study.yaml": "Study file", "metrics.csv": "Metrics of every test fold",
    "summary.csv": "Estimates with intervals", "test_summary.csv": "Estimates on held-out test subjects",
    "verdicts.csv": "What every cohort shows, in words",
    "costs.csv": "What every stage took", "splits.csv": "Role and fold of every subject",
    "manifest.csv": "One row per image", "outputs.sha256": "sha256 of the files of this archive",
}  # fmt: skip


def write_metadata(folder: Path, files: Iterable[str], facts: Mapping[str, Any]) -> None:
    """Write ``ro-crate-metadata.json`` for the files of a folder.

    Args:
        folder: The folder.
        files: Files in it, by path.
        facts: ``name``, ``description``, ``date`` (ISO 8601) and ``versions`` of the study.
    """
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version=_VERSION)
    root = crate.root_dataset
    root["name"], root["description"], root["datePublished"] = facts["name"], facts["description"], facts["date"]
    root["license"] = "No licence is given; ask the authors of the study."
    software = {
        "@type": "SoftwareApplication", "name": "sixgig", "softwareVersion": __version__,
        "softwareRequirements": ", ".join(f"{name} {version}" for name, version in sorted(facts["versions"].items())),
    }  # fmt: skip
    made = crate.add(ContextEntity(crate, _SOFTWARE, properties=software))
    for name in sorted(files):
        path = folder / name
        about = _ABOUT.get(PurePosixPath(name).name)
        crate.add_file(
            path, name,
            properties={
                "name": about or name, "encodingFormat": encoding(name), "contentSize": str(path.stat().st_size),
                "sha256": file_sha256(path),
            },
        )  # fmt: skip
    root["mainEntity"] = {"@id": "report.html"}
    root["creator"] = made
    text = json.dumps(crate.metadata.generate(), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")


def encoding(name: str) -> str:
    """Return the media type of a file by its name."""
    suffix = PurePosixPath(name).suffix
    return _KINDS.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")


def check_metadata(folder: Path, files: Iterable[str]) -> None:
    """Read the metadata back with the library, and check that it is about just these files.

    Raises:
        SixgigError: It is not.
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(folder)
    described = {entity.id: entity.get("sha256") for entity in crate.data_entities}
    there = {name: file_sha256(folder / name) for name in files}
    if described != there:
        wrong = sorted(described.items() ^ there.items())[0][0]
        raise SixgigError(folder / METADATA, f"does not describe {wrong} as it is", "please report this")
