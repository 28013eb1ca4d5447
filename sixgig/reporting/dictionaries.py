"""What the report says about learned dictionaries: how well they explain images, beside images taken at random."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sixgig.reporting import views
from sixgig.reporting.views import TableView
from sixgig.results.study import Study
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import cohort_title


def dictionaries(study: Study) -> TableView:
    """One row per cohort and arm that learned a dictionary; no row when no arm did."""
    table = TableView(
        "dictionary-table",
        tr(
            "Learned dictionaries. Error: length of what a code leaves of an image's features, as a share of their own "
            "length (lower is better). The last column needs no learning: as many learning images as atoms, chosen at "
            "random, are the atoms."
        ),
        [
            tr("Cohort"),
            tr("Arm"),
            tr("Atoms"),
            tr("Learning images"),
            tr("Error on learning images"),
            tr("Error on other images"),
            tr("The same, random atoms"),
        ],
    )
    for cohort, arm, learned in _learned(study):
        errors = [learned.get(f"relative_error_{name}") for name in ("learning", "others", "random_atoms")]
        table.rows.append(
            [
                views.cohort(cohort),
                views.arm(arm),
                views.number(learned["atoms"], numbers.count),
                views.number(learned.get("learning_images"), numbers.count),
                *(views.number(error, numbers.score, strong=place == 1) for place, error in enumerate(errors)),
            ]
        )
    return table


def notes(study: Study) -> list[str]:
    """Say where a dictionary had few images to learn from, and where learning it was worth nothing."""
    said = []
    for cohort, arm, learned in _learned(study):
        known = {"cohort": cohort_title(cohort), "arm": views.arm(arm).text, "atoms": numbers.count(learned["atoms"])}
        if learned.get("few_images"):
            text = tr(
                "{cohort}, {arm}: {atoms} atoms were learned from {images} images, which is too few to learn more than "
                "these images.",
                **known,
                images=numbers.count(learned["learning_images"]),
            )
            said.append(text)
        if learned.get("beats_random_atoms") is False:
            text = tr(
                "{cohort}, {arm}: learning did not beat chance on subjects that it did not learn from. The error is "
                "{error}, and {chance} with {atoms} random images as atoms.",
                **known,
                error=numbers.score(learned["relative_error_others"]),
                chance=numbers.score(learned["relative_error_random_atoms"]),
            )
            said.append(text)
    return said


def _learned(study: Study) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for cohort in study.cohorts:
        for arm in dict.fromkeys(method.arm for method in study.methods(cohort)):
            learned = (study.sidecar(cohort, arm) or {}).get("learned") or {}
            if "atoms" in learned:
                yield cohort, arm, learned
