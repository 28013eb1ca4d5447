"""Which images of different subjects are copies of each other. In a cohort of volumes, which volumes are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.likeness import ORIENTATIONS, near_pairs
from sixgig.cohorts.looks import Looks

IDENTICAL, NEAR = "identical", "near"


class Link(NamedTuple):
    """Two items of different subjects that are copies: places in :attr:`Looks.items`, and how the second lies."""

    first: int
    second: int
    kind: str
    orientation: str
    r: float


def find_copies(looks: Looks, slack: float = 0.0) -> list[Link]:
    """Find identical and near copies between subjects.

    Identical images have the same pixels; volumes are identical when one slice is. Near copies are those of
    :mod:`sixgig.cohorts.likeness`.

    Args:
        looks: The cohort.
        slack: How much less alike near copies may be.

    Returns:
        Links in ascending order; at least so many of the identical ones that they hang together.
    """
    subjects = looks.items["subject_id"].tolist()
    links: dict[tuple[int, int], Link] = {}
    holders: dict[bytes, list[int]] = {}
    for item in range(len(subjects)):
        for digest in looks.digests(item):
            holders.setdefault(digest, []).append(item)
    for items in holders.values():
        strangers = [item for item in items if subjects[item] != subjects[items[0]]]
        for item in items[1:] if strangers else ():
            other = items[0] if subjects[item] != subjects[items[0]] else strangers[0]
            pair = (min(item, other), max(item, other))
            links[pair] = Link(*pair, IDENTICAL, ORIENTATIONS[0], 1.0)
    for found in near_pairs(looks.small, slack):
        first, second = int(looks.seen[found.first]), int(looks.seen[found.second])
        if subjects[first] != subjects[second] and not looks.digests(first) & looks.digests(second):
            links.setdefault((first, second), Link(first, second, NEAR, found.orientation, found.r))
    return sorted(links.values())


def clusters(n_items: int, links: list[Link]) -> list[npt.NDArray[np.int64]]:
    """Return the items that hang together by links, each group in ascending order, groups by their first item."""
    parent = list(range(n_items))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for link in links:
        low, high = sorted((root(link.first), root(link.second)))
        parent[high] = low
    members: dict[int, list[int]] = {}
    for item in sorted({place for link in links for place in (link.first, link.second)}):
        members.setdefault(root(item), []).append(item)
    return [np.array(members[first], dtype=np.int64) for first in sorted(members)]
