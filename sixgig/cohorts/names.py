"""Names of subjects, volumes and images: no two are the same, and those that look the same are named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sixgig.cohorts.base import Record, Remark
from sixgig.cohorts.labels import same_but_for_writing
from sixgig.errors import CohortError


def distinct_items(records: Sequence[Record]) -> list[Record]:
    """Rename items so that no two of a cohort have one name; nothing changes where that is so already.

    ``P1`` with two scans has the items ``P1_1`` and ``P1_2``, and a subject may be called ``P1_1``: the items of ``P1``
    become ``P1__1`` and ``P1__2``. An item that is called as its subject keeps that name.
    """
    counts = Counter(item.item_id for record in records for item in record.items)
    if all(number == 1 for number in counts.values()):
        return list(records)
    renamed = []
    for record in records:
        prefix = f"{record.subject_id}_"
        own = [item.item_id for item in record.items]
        if any(counts[name] > 1 for name in own) and all(name.startswith(prefix) for name in own):
            ends = [name.removeprefix(prefix) for name in own]
            joint = "__"
            while any(f"{record.subject_id}{joint}{end}" in counts for end in ends):
                joint += "_"
            names = [f"{record.subject_id}{joint}{end}" for end in ends]
            counts.subtract(own)
            counts.update(names)
            items = tuple(replace(item, item_id=name) for item, name in zip(record.items, names, strict=True))
            record = replace(record, items=items)
        renamed.append(record)
    return renamed


def distinct(paths: Sequence[str]) -> dict[str, str]:
    """Return a name without slashes for each path, no two of them the same.

    ``a/b.png`` becomes ``a__b.png``, or has more underscores where another path has that name.
    """
    names = {path: path.replace("/", "__") for path in paths}
    counts = Counter(names.values())
    for path, name in names.items():
        joint = "__"
        if counts[name] > 1 and "/" in path:
            counts[name] -= 1
            while counts[path.replace("/", joint)] > 0:
                joint += "_"
            names[path] = path.replace("/", joint)
            counts[names[path]] += 1
    return names


def check_names(records: Sequence[Record], place: object) -> list[Remark]:
    """Refuse a cohort in which two subjects, or two items, have one name.

    Args:
        records: All subjects.
        place: The cohort, for the message.

    Returns:
        A remark on each subject whose name differs from another's by case, spaces or the form of letters alone.

    Raises:
        CohortError: A name is there twice.
    """
    for what, names in (
        ("subject", [record.subject_id for record in records]),
        ("volume or image", [item.item_id for record in records for item in record.items]),
    ):
        twice = sorted(name for name, number in Counter(names).items() if number > 1)
        if twice:
            shown = ", ".join(twice[:3]) + (", ..." if len(twice) > 3 else "")
            raise CohortError(
                place,
                f"{len(twice)} names belong to more than one {what}: {shown}",
                "rename one of each in the table or on the disk",
            )
    first = {record.subject_id: next(iter(record.items[0].files.values()), "") for record in records if record.items}
    return [
        Remark(
            "label",
            first.get(name, name),
            name,
            "the name of its subject is another's but for case, spaces or the form of letters: are they one patient?",
        )
        for group in same_but_for_writing([record.subject_id for record in records])
        for name in sorted(set(group))
    ]
