"""Which figures there are, what their captions say, and where their files lie."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sixgig.errors import SixgigError
from sixgig.figures import (
    calibration,
    confusion,
    cost,
    critical_difference,
    factors,
    intervals,
    pairwise,
    reconstruction,
    roc,
    scores,
    style,
    training,
)
from sixgig.results.study import Study
from sixgig.runtime.atomic import atomic_path
from sixgig.words.language import speaking, tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Kind:
    """One kind of figure: its file name, its title, how to read it, and the function that draws it."""

    name: str
    title: str
    caption: str
    draw: Callable[[Study, str], Figure]


@dataclass(frozen=True)
class StudyKind:
    """One kind of figure over all cohorts together; see :class:`Kind`."""

    name: str
    title: str
    caption: str
    draw: Callable[[Study], Figure]


@dataclass(frozen=True)
class FigureInfo:
    """One drawn figure: its cohort (empty for a figure over all cohorts), kind, words and files."""

    cohort: str
    kind: str
    title: str
    caption: str
    svg: Path
    png: Path

    @property
    def pdf(self) -> Path:
        """The figure for a paper."""
        return self.svg.with_suffix(".pdf")


_KINDS = (
    Kind(
        "intervals",
        "Estimates with 95% intervals",
        "Estimate over all evaluation subjects, mean of the repeats, highest first. The bar is the 95% "
        "bootstrap interval over subjects (BCa where it is defined); the dotted line is the level of guessing. "
        "Overlapping intervals do not by themselves mean that two methods are equal: the paired test below decides "
        "that.",
        intervals.draw,
    ),
    Kind(
        "scores",
        "Scores of the test folds",
        "One dot per test fold and repeat; box: quartiles and median; whiskers: 1.5 interquartile ranges. Folds of "
        "one cross-validation share subjects and are not independent, so the width of a box is not an error bar.",
        scores.draw,
    ),
    Kind(
        "confusion",
        "Confusion matrices",
        "Each row is a true class and adds up to 100%; a good method is dark on the diagonal. Out-of-fold "
        "predictions of all repeats are pooled.",
        confusion.draw,
    ),
    Kind(
        "roc",
        "ROC curves",
        "Out-of-fold scores are pooled within a repeat and the curves averaged over repeats; with more than two "
        "classes also over the one-versus-rest problems. AUC is the mean of the areas of the single curves. On the "
        "dotted line a score tells nothing.",
        roc.draw,
    ),
    Kind(
        "calibration",
        "Calibration of the scores",
        "Out-of-fold scores of all repeats, in bins of about equally many predictions; bars are 95% intervals (Wilson) "
        "of the observed share. On the dotted line scores come true as often as they say; below it they promise too "
        "much. Error: mean distance from the line; by chance: what perfect scores would show on as many subjects.",
        calibration.draw,
    ),
    Kind(
        "cost",
        "Accuracy against cost",
        "Wall time is that of the arm's own stages plus its classifier, without the work that all arms share; an arm "
        "that transforms another arm's features is charged with those, too. Up and to the left is better. The dashed "
        "line joins the arms that no other one equals for less (Pareto front); it orders estimates and tests nothing.",
        cost.draw,
    ),
    Kind(
        "pairwise",
        "Differences between methods",
        "Mean difference of the fold scores, row minus column. A bold number with a star is a difference that the "
        "corrected resampled t-test finds after Holm's correction; every other difference is within noise, or the same "
        "in every fold, which the test cannot judge.",
        pairwise.draw,
    ),
)
#: Kinds of figure by name, in the order in which the report shows them.
KINDS = {kind.name: kind for kind in _KINDS}
#: Figures over all cohorts together, by name.
STUDY_KINDS = {
    "critical_difference": StudyKind(
        "critical_difference",
        "Critical difference",
        "Mean over cohorts of a method's rank, 1 is the best. Two methods whose average ranks are closer than the "
        "critical difference (Nemenyi) are not told apart: a bar joins them. Dotted and in italics: controls, which "
        "are not ranked, at the place that they would take.",
        critical_difference.draw,
    ),
    "factors": StudyKind(
        "factors",
        "Arm or classifier",
        "How the variance between the estimates of a cohort divides among arm, classifier, and what is left: their "
        "interaction, which cannot be told from noise. Controls do not count. The shares describe; they are no test.",
        factors.draw,
    ),
}
#: Further kinds, for studies with an arm that was trained.
TRAINING_KINDS = {
    "training": Kind(
        "training",
        "Loss while the arms learned",
        "Pale: the loss of each step's batch; bold: its moving average. Two arms minimise two different losses, so "
        "their curves cannot be compared with each other.",
        training.draw,
    )
}
#: Further kinds, for studies with an arm that was trained to fill in masked patches.
RECONSTRUCTION_KINDS = {
    "reconstruction": Kind(
        "reconstruction",
        "Masked patches filled in",
        "Evaluation subjects, which the arm was not trained on. From left to right: what it was asked to restore, what "
        "it saw (grey: masked), what it made of it. Volumes are cut through the middle of the crop.",
        reconstruction.draw,
    )
}
_ALL_KINDS = KINDS | TRAINING_KINDS | RECONSTRUCTION_KINDS


def figure_list(
    cohorts: list[str], folder: Path, trained: bool = False, reconstructs: bool = False
) -> list[FigureInfo]:
    """Every figure of a study, with the files that :func:`draw_all` writes, without drawing.

    Args:
        cohorts: Cohort names.
        folder: The ``figures`` folder of the study.
        trained: Whether the study has an arm that was trained.
        reconstructs: Whether it has one that was trained to fill in masked patches.
    """
    return [
        FigureInfo(
            cohort,
            kind.name,
            tr(kind.title),
            tr(kind.caption),
            folder / cohort / f"{kind.name}.svg",
            folder / cohort / f"{kind.name}.png",
        )
        for cohort in cohorts
        for kind in (
            KINDS | (TRAINING_KINDS if trained else {}) | (RECONSTRUCTION_KINDS if reconstructs else {})
        ).values()
    ]


def study_figure_list(folder: Path) -> list[FigureInfo]:
    """Every figure over all cohorts, with the files that :func:`draw_over_cohorts` writes, without drawing.

    Args:
        folder: The ``figures`` folder of the study.
    """
    return [
        FigureInfo(
            "", kind.name, tr(kind.title), tr(kind.caption), folder / f"{kind.name}.svg", folder / f"{kind.name}.png"
        )
        for kind in STUDY_KINDS.values()
    ]


def draw_over_cohorts(study: Study, folder: Path) -> list[FigureInfo]:
    """Draw the figures over all cohorts together; see :func:`draw_all`."""
    figures = study_figure_list(Path(folder))
    for info in figures:
        write_figure(study, info)
    return figures


def draw_all(study: Study, folder: Path) -> list[FigureInfo]:
    """Draw every figure of every cohort as SVG, PNG and PDF; equal results give equal bytes.

    Args:
        study: The study, with metrics, summary, predictions and statistics written.
        folder: Where to write ``<cohort>/<kind>.svg``, ``.png`` and ``.pdf``, and ``<kind>.svg`` over all cohorts.

    Returns:
        What was written.

    Raises:
        TableError: A table is missing or damaged.
    """
    drawn = draw_over_cohorts(study, folder)
    drawn += [info for cohort in study.cohorts for info in draw_cohort(study, cohort, folder)]
    trained = [cohort for cohort in study.cohorts if study.trained_arms(cohort)]
    drawn += [info for cohort in trained for info in draw_training(study, cohort, folder)]
    reconstructs = [cohort for cohort in trained if study.has_pictures(cohort)]
    return drawn + [info for cohort in reconstructs for info in draw_reconstructions(study, cohort, folder)]


def draw_cohort(study: Study, cohort: str, folder: Path) -> list[FigureInfo]:
    """Draw the figures of one cohort's results; see :func:`draw_all`.

    Raises:
        SixgigError: The study has no such cohort.
        TableError: A table is missing or damaged.
    """
    if cohort not in study.cohorts:
        raise SixgigError(
            study.folder, f"there is no cohort {cohort!r} in summary.csv", f"use one of {', '.join(study.cohorts)}"
        )
    figures = figure_list([cohort], Path(folder))
    for info in figures:
        write_figure(study, info)
    return figures


def draw_training(study: Study, cohort: str, folder: Path) -> list[FigureInfo]:
    """Draw the loss curves of one cohort, which only need its arms to be trained, before anything is scored."""
    return _draw_some(study, cohort, folder, TRAINING_KINDS)


def draw_reconstructions(study: Study, cohort: str, folder: Path) -> list[FigureInfo]:
    """Draw what an arm made of masked evaluation volumes or images of one cohort."""
    return _draw_some(study, cohort, folder, RECONSTRUCTION_KINDS)


def _draw_some(study: Study, cohort: str, folder: Path, kinds: Mapping[str, Kind]) -> list[FigureInfo]:
    figures = [info for info in figure_list([cohort], Path(folder), True, True) if info.kind in kinds]
    for info in figures:
        write_figure(study, info)
    return figures


def write_figure(study: Study, info: FigureInfo) -> None:
    """Draw one figure and write its three files."""
    figure = draw_figure(study, info.cohort, info.kind) if info.cohort else draw_study_figure(study, info.kind)
    with style.style():
        with atomic_path(info.svg) as partial:
            # No file may carry a date or a version: the same results give the same bytes.
            figure.savefig(partial, format="svg", metadata={"Date": None, "Creator": None})
        figure.set_layout_engine("none")  # the layout stands; working it out again would take as long as drawing
        with atomic_path(info.png) as partial:
            figure.savefig(partial, format="png", metadata={"Software": None})
        with atomic_path(info.pdf) as partial:
            figure.savefig(partial, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})


def draw_figure(study: Study, cohort: str, kind: str) -> Figure:
    """Draw one figure without writing it.

    Args:
        study: The study.
        cohort: One of its cohorts.
        kind: A name in :data:`KINDS`, :data:`TRAINING_KINDS` or :data:`RECONSTRUCTION_KINDS`.

    Raises:
        SixgigError: There is no such kind of figure.
        TableError: A table that it needs is missing or damaged.
    """
    _check_kind(kind, _ALL_KINDS)
    with speaking(study.language):
        return _ALL_KINDS[kind].draw(study, cohort)


def draw_study_figure(study: Study, kind: str) -> Figure:
    """Draw one figure over all cohorts without writing it.

    Args:
        study: The study.
        kind: A name in :data:`STUDY_KINDS`.

    Raises:
        SixgigError: There is no such kind of figure.
        TableError: A table that it needs is missing or damaged.
    """
    _check_kind(kind, STUDY_KINDS)
    with speaking(study.language):
        return STUDY_KINDS[kind].draw(study)


def _check_kind(kind: str, kinds: Collection[str]) -> None:
    if kind not in kinds:
        raise SixgigError(f"figure {kind!r}", "there is no such figure", f"use one of {', '.join(kinds)}")
