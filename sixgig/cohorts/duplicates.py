"""What is done about copies in a cohort: ``duplicates: stop | group | drop`` in the study file, and copies.csv."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sixgig.cohorts.copies import IDENTICAL, NEAR, Link, clusters, find_copies
from sixgig.cohorts.looks import Looks, look
from sixgig.errors import CohortError, LeakageError
from sixgig.tables.cohorts import COPIES

STOP, GROUP, DROP = "stop", "group", "drop"
#: What copies.csv says was done.
UNTOUCHED, KEPT, DROPPED, CONTRADICTORY = "none", "kept", "dropped", "dropped: contradictory labels"
#: The gate looks at what is left in another process, whose sums may differ in the last digits.
_SLACK = 1e-4
_SHOWN = 5
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
    failed_list: Path | None = None,
) -> Settled:
    """Find copies between the subjects of a prepared cohort, and treat them as the study file says.

    - ``stop`` changes nothing. Identical images with different labels stop the study, and so do identical images in
      the official training and test set where this is held out; the leakage gate sees to folds and roles.
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
        failed_list: Where the copies are listed when the study stops.

    Raises:
        CohortError: The policy is stop, and identical images have different labels; or nothing is left.
        LeakageError: The policy is stop, and identical images are in the official training and in its test set.
    """
    looks = look(pd.DataFrame(rows, columns=list(rows[0])), images)
    notes = _Notes(looks.items, hold_out)
    alive = np.ones(len(looks.items), bool)
    current = looks
    while links := find_copies(current, _SLACK):
        # Places of the links are those of the items still alive.
        places = np.flatnonzero(alive)
        links = [link._replace(first=int(places[link.first]), second=int(places[link.second])) for link in links]
        groups = clusters(len(alive), links)
        notes.note(groups, links)
        if policy == STOP:
            _check_untouched(notes, cohort, failed_list)
            break
        alive &= notes.treat(groups, policy, by_subject=bool(pd.notna(rows[0].get("volume_id"))))
        # What the cohort shares is measured on the items left, so further copies may appear.
        current = looks.only(alive, notes.subjects)
    if not alive.any():
        raise CohortError(f"cohort {cohort}", "holds nothing but copies with contradictory labels", "correct its labels")
    kept = np.zeros(len(rows), bool)
    settled: dict[int, dict[str, Any]] = {}
    for item in np.flatnonzero(alive):
        kept[looks.rows[item]] = True
        changed = {"subject_id": notes.subjects[item], "label": notes.labels[item]} if notes.changed[item] else {}
        settled |= {int(row): {**rows[row], **changed} for row in looks.rows[item]}
    facts = notes.facts(policy)
    _tell(facts, cohort)
    return Settled([settled[row] for row in sorted(settled)], kept, notes.table(), facts)


class _Notes:
    """What is known and done about the items of a cohort."""

    def __init__(self, items: pd.DataFrame, hold_out: bool) -> None:
        self._items = items
        self.subjects: list[str] = items["subject_id"].tolist()
        self.labels: list[str | None] = items["label"].tolist()
        self.tested = ((items["official"] == "test") & items["label"].notna()).to_numpy() & hold_out
        self.changed = np.zeros(len(items), bool)
        self.actions: dict[int, str] = {}
        self._group: dict[int, int] = {}
        self._best: dict[int, Link] = {}
        self._n_groups = 0
        self._kinds: dict[tuple[int, int], str] = {}

    def note(self, groups: list[npt.NDArray[np.int64]], links: list[Link]) -> None:
        """Note what was found."""
        for group in groups:
            known = [self._group[item] for item in group if item in self._group]
            number = min(known, default=self._n_groups + 1)
            self._n_groups = max(self._n_groups, number)
            self._group |= {int(item): self._group.get(int(item), number) for item in group}
            self.actions |= {int(item): self.actions.get(int(item), UNTOUCHED) for item in group}
        for link in links:
            self._kinds[link.first, link.second] = link.kind
            best = self._best.get(link.second)
            if best is None or (link.kind == IDENTICAL, link.r) > (best.kind == IDENTICAL, best.r):
                self._best[link.second] = link

    def treat(self, groups: list[npt.NDArray[np.int64]], policy: str, by_subject: bool) -> npt.NDArray[np.bool_]:
        """Group or drop; return which items stay."""
        gone: dict[int, str] = {}
        merged: list[set[str]] = []
        for group in groups:
            if len({self.labels[item] for item in group} - {None}) > 1:
                gone |= dict.fromkeys(map(int, group), CONTRADICTORY)
            elif policy == GROUP:
                merged.append({self.subjects[item] for item in group})
            else:
                gone |= dict.fromkeys(self._surplus(group), DROPPED)
            self.actions |= {int(item): KEPT for item in group if int(item) not in gone}
        if by_subject:
            for item, action in list(gone.items()):
                whole = [other for other, subject in enumerate(self.subjects) if subject == self.subjects[item]]
                gone |= {other: gone.get(other, action) for other in whole}
        for names in _joined(merged):
            gone |= dict.fromkeys(self._merge(names, set(gone)), DROPPED)
        self.actions |= gone
        stays = np.ones(len(self.subjects), bool)
        stays[list(gone)] = False
        return stays

    def _surplus(self, group: npt.NDArray[np.int64]) -> list[int]:
        """Return the items of a group that go: those beside the test set, or beside the first subject with a class."""
        if self.tested[group].any():
            return [int(item) for item in group if not self.tested[item]]
        first = next((item for item in group if self.labels[item] is not None), group[0])
        return [int(item) for item in group if self.subjects[item] != self.subjects[first]]

    def _merge(self, names: set[str], gone: set[int]) -> list[int]:
        """Make some subjects one; return the items that cannot be part of it."""
        members = [item for item, subject in enumerate(self.subjects) if subject in names and item not in gone]
        known = {self.labels[item] for item in members} - {None}
        name = self.subjects[members[0]] if members else ""
        is_test = any(self.tested[item] for item in members)
        if is_test:
            name = next(self.subjects[item] for item in members if self.tested[item])
        for item in members:
            if self.subjects[item] != name:
                self.actions[item] = f"now of subject {name}"
            self.changed[item] = True
            self.subjects[item] = name
            if self.labels[item] is None and len(known) == 1:
                self.labels[item] = next(iter(known))
        return [item for item in members if is_test and not self.tested[item]]

    def of_kind(self, kind: str) -> list[tuple[int, int]]:
        """Return the links of a kind."""
        return [pair for pair, own in self._kinds.items() if own == kind]

    def label(self, item: int) -> str | None:
        """Return the label that an item came with."""
        label: str | None = self._items["label"].iloc[item]
        return label

    def name(self, item: int) -> str:
        """Return an item's name and its subject, for people."""
        found = self._items.iloc[item]
        return f"{found['image_id']} (subject {found['subject_id']})"

    def facts(self, policy: str) -> dict[str, Any]:
        """Return the counts for cohort.json."""
        actions = list(self.actions.values())
        per_kind = {
            kind: len({item for pair in self.of_kind(kind) for item in pair}) for kind in (IDENTICAL, NEAR)
        }  # fmt: skip
        contradictions = [
            pair for pair in self._kinds if len({self.label(item) for item in pair} - {None}) > 1
        ]  # fmt: skip
        return {
            "policy": policy,
            "groups": self._n_groups,
            **per_kind,
            "dropped": actions.count(DROPPED),
            "contradictory": actions.count(CONTRADICTORY),
            "contradictory_pairs": len(contradictions),
            "subjects_joined": len({
                self._items["subject_id"].iloc[item]
                for item, subject in enumerate(self.subjects)
                if subject != self._items["subject_id"].iloc[item]
            }),
        }  # fmt: skip

    def table(self) -> pd.DataFrame:
        """Return the rows of copies.csv."""
        rows = []
        for item in sorted(self.actions, key=lambda item: (self._group.get(item, self._n_groups + 1), item)):
            found, best = self._items.iloc[item], self._best.get(item)
            rows.append(
                {
                    "image_id": found["image_id"],
                    "subject_id": found["subject_id"],
                    "label": found["label"],
                    "official": found["official"],
                    "group": self._group.get(item),
                    "copy_of": None if best is None else self._items["image_id"].iloc[best.first],
                    "kind": None if best is None else best.kind,
                    "orientation": None if best is None else best.orientation,
                    "r": None if best is None else best.r,
                    "action": self.actions[item],
                }
            )
        return COPIES.check(pd.DataFrame(rows, columns=COPIES.column_names), COPIES.name)


def _joined(sets: list[set[str]]) -> list[set[str]]:
    """Unite sets that share a member."""
    found: list[set[str]] = []
    for own in sets:
        apart = [other for other in found if not other & own]
        found = [*apart, own.union(*(other for other in found if other & own))]
    return found


def _check_untouched(notes: _Notes, cohort: str, failed_list: Path | None) -> None:
    """Stop when identical images contradict each other, or are on both sides of a held-out test set."""
    identical = notes.of_kind(IDENTICAL)
    contradictory = [pair for pair in identical if len({notes.label(item) for item in pair} - {None}) > 1]
    across = [pair for pair in identical if notes.tested[pair[0]] != notes.tested[pair[1]]]
    if not contradictory and not across:
        return
    listed = ""
    if failed_list is not None:
        failed_list.parent.mkdir(parents=True, exist_ok=True)
        COPIES.write(notes.table(), failed_list)
        listed = f" (all copies are listed in {failed_list})"
    shown = "; ".join(
        " = ".join(f"{notes.name(item)}, label {notes.label(item)}" for item in pair)
        for pair in (contradictory or across)[:_SHOWN]
    )
    if contradictory:
        raise CohortError(
            f"cohorts.{cohort}",
            f"{len(contradictory)} pairs of identical images have different labels: {shown}{listed}",
            f"correct the labels, or set cohorts.{cohort}.duplicates to drop (or group): such images are then left out",
        )
    raise LeakageError(
        f"cohorts.{cohort}",
        f"{len(across)} pairs of identical images lie in the official training and test set: {shown}{listed}",
        f"set cohorts.{cohort}.duplicates to drop (copies leave the training set) or group (copies are one subject)",
    )


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
