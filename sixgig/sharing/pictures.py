"""What shows images of subjects in report and figures, left out of an archive."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from sixgig.figures.catalogue import KINDS

#: Kinds of figure that show images of subjects.
SHOWING = frozenset(kind.name for kind in KINDS.values() if kind.needs == "pictures")
_PLACEHOLDER = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<svg xmlns="http://www.w3.org/2000/svg" width="420" height="40" viewBox="0 0 420 40">'
    '<text x="8" y="26" font-family="sans-serif" font-size="14">left out: this figure shows images of subjects</text>'
    "</svg>\n"
)


def shows_images(name: str) -> bool:
    """Whether a file of a study, by its path from the study's folder, is a figure of images of subjects."""
    path = PurePosixPath(name)
    return path.parts[0] == "figures" and path.stem in SHOWING


def write_placeholder(path: Path) -> None:
    """Write an SVG in the place of such a figure, so that the report can be written without it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_PLACEHOLDER, encoding="utf-8")
