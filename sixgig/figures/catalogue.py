"""Which figures there are, what their captions say, and where their files lie.

Modules of this package are found by their ``KIND`` and read without being imported, because the plan of a study asks
for their names and need not wait for what draws them.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sixgig.errors import SixgigError
from sixgig.figures.base import Kind
from sixgig.runtime.atomic import atomic_path
from sixgig.words.language import tr
from sixgig.words.showing import showing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sixgig.results.study import Study

#: File types of every figure, with the metadata that would carry a date or a version: the same results give the same
#: bytes.
FORMATS: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def find_kinds(folder: Path) -> dict[str, Kind]:
    """Read the kinds of figure that the modules in a folder say they draw, by name, in the order of the report."""
    found = []
    for path in folder.glob("*.py"):
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _is_kind(node.targets[0]):
                found.append(
                    Kind(**{word.arg: ast.literal_eval(word.value) for word in node.value.keywords if word.arg})
                )
    return {kind.name: kind for kind in sorted(found, key=lambda kind: (kind.over_cohorts, kind.order, kind.name))}


def _is_kind(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "KIND"


#: Every kind of figure by name: those of one cohort in the order of the report, then those over all cohorts.
KINDS = find_kinds(Path(__file__).parent)


def kinds_of(
    over_cohorts: bool, trained: bool = True, pictures: bool = True, fractions: bool = False, groups: bool = False
) -> list[Kind]:
    """Return the kinds of figure that a study has.

    Args:
        over_cohorts: Whether those over all cohorts together are asked for, or those of one cohort.
        trained: Whether the study has an arm that is trained.
        pictures: Whether it has one that leaves pictures of what it learned.
        fractions: Whether it has label-fraction curves.
        groups: Whether a cohort of it has groups of subjects.
    """
    there = {"results": True, "training": trained, "pictures": pictures, "fractions": fractions, "groups": groups}
    return [kind for kind in KINDS.values() if kind.over_cohorts == over_cohorts and there[kind.needs]]


def module_of(kind: Kind) -> str:
    """Return the dotted name of the module that draws a figure."""
    return f"sixgig.figures.{kind.name}"


@dataclass(frozen=True)
class FigureInfo:
    """One drawn figure: its cohort (empty for a figure over all cohorts), kind, words and SVG file."""

    cohort: str
    kind: str
    title: str
    caption: str
    svg: Path


def figure_list(folder: Path, kinds: Iterable[Kind], cohort: str = "", metrics_of: str = "subject") -> list[FigureInfo]:
    """Say where figures lie and what they are called, in the language in use, without drawing them.

    Args:
        folder: The ``figures`` folder of the study.
        kinds: The kinds of figure.
        cohort: Their cohort; empty for figures over all cohorts.
        metrics_of: What metrics count on the cohort: ``subject`` or ``image``.
    """
    own = folder / cohort
    captions = {kind: (metrics_of == "image" and kind.caption_of_images) or kind.caption for kind in kinds}
    return [
        FigureInfo(cohort, kind.name, tr(kind.title), tr(caption), own / f"{kind.name}.svg")
        for kind, caption in captions.items()
    ]


def write_figures(study: Study, files: Iterable[Path], cohort: str | None = None) -> None:
    """Draw figures and write them; equal results give equal bytes.

    Args:
        study: The study, with the tables and predictions that the figures show.
        files: What to write. The stem of a file is the kind of figure, its suffix the format.
        cohort: One of the study's cohorts; None for figures over all cohorts.

    Raises:
        SixgigError: There is no such kind of figure, or no such cohort.
        TableError: A table is missing or damaged.
    """
    from sixgig.figures import style

    by_kind: dict[str, list[Path]] = {}
    for file in sorted(files, key=lambda file: [*FORMATS].index(file.suffix[1:])):
        by_kind.setdefault(file.stem, []).append(file)
    for name, own in by_kind.items():
        figure = draw_figure(study, name, cohort)
        with style.style():
            for file in own:
                with atomic_path(file) as partial:
                    figure.savefig(partial, format=file.suffix[1:], metadata=FORMATS[file.suffix[1:]])
                    if file.suffix == ".svg":
                        written = Path(partial)
                        written.write_text(style.with_titles(written.read_text(encoding="utf-8")), encoding="utf-8")
                figure.set_layout_engine("none")  # the layout stands; working it out again takes as long as drawing


def draw_figure(study: Study, name: str, cohort: str | None = None) -> Figure:
    """Draw one figure without writing it.

    Args:
        study: The study.
        name: A name in :data:`KINDS`.
        cohort: One of the study's cohorts; None for a figure over all cohorts.

    Raises:
        SixgigError: There is no such kind of figure, or no such cohort.
        TableError: A table that it needs is missing or damaged.
    """
    known = {kind.name: kind for kind in kinds_of(over_cohorts=cohort is None, fractions=True, groups=True)}
    if name not in known:
        raise SixgigError(f"figure {name!r}", "there is no such figure", f"use one of {', '.join(known)}")
    draw = importlib.import_module(module_of(known[name])).draw
    with showing(study):
        figure: Figure = draw(study) if cohort is None else draw(study, cohort)
    return figure
