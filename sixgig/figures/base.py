"""What a kind of figure says about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of figure.

    A module of this package that draws one has ``KIND = Kind(...)``, written with literals only, and a function
    ``draw(study, cohort)``, or ``draw(study)`` for a figure over all cohorts together.

    Attributes:
        name: Name of the module and of the files.
        title: Title in the report.
        caption: How to read it.
        caption_of_images: The same for a cohort whose metrics count images; empty where it is no other.
        order: Place in the report; figures with a lower number come first.
        reads: Tables that it shows, relative to the study's folder; predictions and what training left need no mention.
        over_cohorts: Whether one figure is drawn over all cohorts, and not one for each of them.
        needs: When it is drawn: ``results`` (always), ``training`` (when an arm was trained), ``pictures`` (when an arm
            that was trained leaves pictures), ``fractions`` (when the study has label-fraction curves), or ``groups``
            (when one of its cohorts has groups of subjects).
    """

    name: str
    title: str
    caption: str
    order: int
    reads: tuple[str, ...] = ()
    over_cohorts: bool = False
    needs: str = "results"
    caption_of_images: str = ""
