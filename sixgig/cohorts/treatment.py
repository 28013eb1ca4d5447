"""What is found about the copies of a cohort, and what becomes of each: grouped, dropped or left as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sixgig.cohorts.copies import IDENTICAL, NEAR, Link
from sixgig.tables.cohorts import COPIES

STOP, GROUP, DROP = "stop", "group", "drop"
#: What copies.csv says was done.
UNTOUCHED, KEPT, DROPPED, CONTRADICTORY = "none", "kept", "dropped", "dropped: contradictory labels"


class Treatment:
    """What is known and done about the items of a cohort."""

    def __init__(self, items: pd.DataFrame, hold_out: bool, per_image: bool = False) -> None:
        self._items, self._per_image = items, per_image
        self.subjects: list[str] = items["subject_id"].tolist()
        self._given = [None if pd.isna(label) else str(label) for label in items["label"]]
        self.labels = list(self._given)
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

    def knows(self, link: Link) -> bool:
        """Whether a link was noted before."""
        return (link.first, link.second) in self._kinds

    def treat(self, groups: list[npt.NDArray[np.int64]], policy: str, by_subject: bool) -> npt.NDArray[np.bool_]:
        """Group or drop; return which items stay."""
        of_subject: dict[str, list[int]] = {}
        for item, subject in enumerate(self.subjects):
            of_subject.setdefault(subject, []).append(item)
        gone: dict[int, str] = {}
        merged: list[set[str]] = []

        def take_out(items: Iterable[int], action: str) -> None:
            for item in items:
                for other in of_subject[self.subjects[item]] if by_subject else (item,):
                    gone.setdefault(int(other), action)

        for group in groups:
            self.actions |= dict.fromkeys(map(int, group), KEPT)
            there = [int(item) for item in group if int(item) not in gone]
            if len({self.labels[item] for item in group} - {None}) > 1:
                take_out(group, CONTRADICTORY)
            elif policy == GROUP:
                merged.append({self.subjects[item] for item in there})
            elif len(there) > 1:
                take_out(self._surplus(there), DROPPED)
        for names in _joined(merged):
            members = sorted(item for name in names for item in of_subject[name] if item not in gone)
            if members:
                self._merge(members, take_out)
        self.actions |= gone
        stays = np.ones(len(self.subjects), bool)
        stays[list(gone)] = False
        return stays

    def _surplus(self, group: list[int]) -> list[int]:
        """Return the items of a group that go: those beside the test set, or beside the first subject with a class."""
        if self.tested[group].any():
            return [item for item in group if not self.tested[item]]
        first = next((item for item in group if self.labels[item] is not None), group[0])
        return [item for item in group if self.subjects[item] != self.subjects[first]]

    def _merge(self, members: list[int], take_out: Callable[[Iterable[int], str], None]) -> None:
        """Make the subjects of some items one, and take out what cannot be part of it."""
        known = {self.labels[item] for item in members} - {None}
        # Where images have classes of their own, one that has none says nothing of its subject.
        unlabelled = [] if self._per_image else [item for item in members if self.labels[item] is None]
        if len(known) > 1 and unlabelled:  # subjects without a class that are copies of two classes
            take_out(unlabelled, CONTRADICTORY)
            return
        tested = [item for item in members if self.tested[item]]
        if tested:
            take_out([item for item in members if not self.tested[item]], DROPPED)
            members = tested
        name = self.subjects[members[0]]
        for item in members:
            if self.subjects[item] != name:
                self.actions[item] = f"now of subject {name}"
                self.changed[item] = True
            if item in unlabelled and known:
                self.labels[item] = next(iter(known))
                self.changed[item] = True
        for item in members:
            self.subjects[item] = name

    def changes(self, item: int) -> dict[str, str | None]:
        """Return what an item's rows of the manifest say now, where that has changed."""
        changed = self.changed[item]
        return {"subject_id": self.subjects[item], "label": self.labels[item]} if changed else {}

    def of_kind(self, kind: str) -> list[tuple[int, int]]:
        """Return the links of a kind."""
        return [pair for pair, own in self._kinds.items() if own == kind]

    def label(self, item: int) -> str | None:
        """Return the label that an item came with."""
        return self._given[item]

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
                old for old, new in zip(self._items["subject_id"], self.subjects, strict=True) if old != new
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
