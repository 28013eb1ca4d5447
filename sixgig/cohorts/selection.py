"""A smaller cohort with the same mix of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Sets this draw apart from the other draws of a study that start from the same seed.
_STREAM = 0x11417


def subset(labels: Sequence[str | None], is_test: Sequence[bool], limit: int, seed: int) -> list[int]:
    """Choose ``limit`` subjects beside those of an official test set that is held out, which stays whole.

    Args:
        labels: Class of each subject, None when unknown.
        is_test: Whether each is of that test set; a subject without a class is not scored, so it does not count there.
        limit: Number wanted beside the test set, at least 1.
        seed: Seed of the draw.

    Returns:
        Ascending indices.
    """
    tested = [index for index, label in enumerate(labels) if is_test[index] and label is not None]
    others = sorted(set(range(len(labels))) - set(tested))
    chosen = stratified_subset([labels[index] for index in others], limit, seed)
    return sorted(tested + [others[index] for index in chosen])


def stratified_subset(labels: Sequence[str | None], limit: int, seed: int) -> list[int]:
    """Choose ``limit`` subjects so that every class keeps its share.

    Shares are rounded by largest remainder; a class never vanishes as long as ``limit`` allows one of each. Unlabelled
    subjects count as a class of their own.

    Args:
        labels: Class of each subject, None when unknown.
        limit: Number wanted, at least 1.
        seed: Seed of the draw.

    Returns:
        Ascending indices; all of them when ``limit`` is not below their number.
    """
    if limit >= len(labels):
        return list(range(len(labels)))
    members: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        # The prefix keeps a class that is called "" apart from subjects of unknown class.
        members.setdefault("" if label is None else f"class {label}", []).append(index)
    names = sorted(members)
    shares = [limit * len(members[name]) / len(labels) for name in names]
    wanted = [int(share) for share in shares]
    by_remainder = sorted(range(len(names)), key=lambda i: (wanted[i] - shares[i], names[i]))
    for i in by_remainder[: limit - sum(wanted)]:
        wanted[i] += 1
    if limit >= len(names):
        while 0 in wanted:
            wanted[wanted.index(max(wanted))] -= 1
            wanted[wanted.index(0)] += 1
    rng = np.random.default_rng([seed, _STREAM])
    chosen: list[int] = []
    for name, number in zip(names, wanted, strict=True):
        chosen += rng.choice(members[name], size=number, replace=False).tolist()
    return sorted(chosen)
