"""What is done about copies in a cohort: ``duplicates: stop | group | drop`` in the study file, and copies.csv."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sixgig.cohorts.copies import IDENTICAL, NEAR, clusters, find_copies
from sixgig.cohorts.looks import look
from sixgig.cohorts.treatment import STOP, Treatment
from sixgig.errors import CohortError

#: The gate looks at what is left in another process, whose sums may differ in the last digits.
_SLACK = 1e-4
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settled:
    """A cohort without copies between its subjects, unless ``duplicates`` is stop.

    Attributes:
        rows: Rows of manifest.csv.
        kept: For each row given, whether it is still there.
        table: Rows of :data:`sixgig.tables.cohorts.COPIES`.
        facts: For cohort.json: the policy, and how many copies there were.
    """

    rows: list[dict[str, Any]]
    kept: npt.NDArray[np.bool_]
    table: pd.DataFrame
    facts: dict[str, Any]


def settle_copies(
    rows: list[dict[str, Any]],
    images: npt.NDArray[np.uint8],
    *,
    cohort: str,
    policy: str,
    hold_out: bool,
    per_image: bool = False,
) -> Settled:
    """Find copies between the subjects of a prepared cohort, and treat them as the study file says.

    - ``stop`` changes nothing: the leakage gate stops the study where copies make estimates wrong.
    - ``group`` makes copies one subject, with the name of the first. Images of the training set that would be part of a
      held-out test subject are taken out. A subject without a class gets that of the subject it is.
    - ``drop`` takes copies out: of the training side where a held-out test set has a copy, else all but the subject
      that has a class and comes first. A held-out test set stays whole.

    With the two, copies with different labels are taken out on both sides. A subject of volumes is taken out whole.

    Args:
        rows: Rows of manifest.csv.
        images: uint8 [n_images, H, W, 3]; row i is that of ``rows``. May be memory-mapped.
        cohort: Name of the cohort.
        policy: ``stop``, ``group`` or ``drop``.
        hold_out: The official test set is held out.
        per_image: Images have classes of their own, so a subject may have several.

    Raises:
        CohortError: Nothing is left.
    """
    looks = look(pd.DataFrame(rows, columns=list(rows[0])), images)
    treatment = Treatment(looks.items, hold_out, per_image)
    alive = np.ones(len(looks.items), bool)
    current = looks
    while True:
        # Places of the links are those of the items still alive.
        places = np.flatnonzero(alive).tolist()
        links = [
            link._replace(first=places[link.first], second=places[link.second]) for link in find_copies(current, _SLACK)
        ]
        # Those known are copies within a held-out test set, which are left there.
        links = [link for link in links if not treatment.knows(link)]
        if not links:
            break
        groups = clusters(len(alive), links)
        treatment.note(groups, links)
        if policy == STOP:
            break
        stays = treatment.treat(groups, policy, by_subject=bool(pd.notna(rows[0].get("volume_id"))))
        if stays.all():
            break
        alive &= stays
        # What the cohort shares is measured on the items left, so further copies may appear.
        current = looks.only(alive, treatment.subjects)
    if not alive.any():
        reason = "holds nothing but copies whose labels contradict each other"
        raise CohortError(f"cohorts.{cohort}", reason, "correct its labels")
    kept = np.zeros(len(rows), bool)
    settled: dict[int, dict[str, Any]] = {}
    for item in np.flatnonzero(alive).tolist():
        kept[looks.rows[item]] = True
        settled |= {int(row): rows[row] | treatment.changes(item) for row in looks.rows[item]}
    facts = treatment.facts(policy)
    _tell(facts, cohort)
    return Settled([settled[row] for row in sorted(settled)], kept, treatment.table(), facts)


def _tell(facts: dict[str, Any], cohort: str) -> None:
    if not facts["groups"]:
        return
    found = f"{facts['groups']} groups of copies between subjects: {facts[IDENTICAL]} identical, {facts[NEAR]} near"
    if facts["policy"] == STOP:
        advice = f"; copies.csv lists them; cohorts.{cohort}.duplicates: group or drop treats them"
    else:
        advice = (
            f"; {facts['subjects_joined']} subjects joined another, {facts['dropped']} copies left out, "
            f"{facts['contradictory']} left out because their labels contradict each other"
        )
    _log.warning("cohort %s: %s%s", cohort, found, advice)
