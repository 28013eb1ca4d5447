"""The lines of a journal: what one subject has in the arrays, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from sixgig.cohorts.base import Record, Rejection, Remark
from sixgig.cohorts.subject import label_of

#: In place of a subject whose rows are in the arrays and are not to be believed by the next run.
NOBODY = ""


@dataclass(frozen=True)
class Entry:
    """Where a subject's rows are in the arrays: the first row, and how many there are.

    Attributes:
        rows: Rows of manifest.csv.
        item_ids: The item that each row is of.
        rejections: What cannot be used.
        remarks: What is to be known.
        image: First row in images.npy.
        volume: First row in volumes.npy.
        n_volumes: Rows in volumes.npy.
    """

    rows: list[dict[str, Any]]
    item_ids: list[str]
    rejections: list[Rejection]
    remarks: list[Remark]
    image: int
    volume: int
    n_volumes: int


def line_of(subject: str, entry: Entry) -> str:
    """Return the line about a subject, with its end."""
    values = {
        "subject": subject,
        "rows": entry.rows,
        "items": entry.item_ids,
        "volumes": entry.n_volumes,
        "rejections": [asdict(rejection) for rejection in entry.rejections],
        "remarks": [asdict(remark) for remark in entry.remarks],
    }
    return json.dumps(values) + "\n"


def subject_of(line: str) -> str:
    """Return the fingerprint of the subject that a line is about."""
    return str(json.loads(line)["subject"])


def read_line(line: str, image: int, volume: int) -> tuple[str, Entry]:
    """Read what :func:`line_of` wrote.

    Args:
        line: The line.
        image: The row of images.npy where its rows begin.
        volume: The row of volumes.npy.

    Returns:
        The subject and what it has.

    Raises:
        ValueError: It is no such line; KeyError or TypeError likewise.
    """
    values = json.loads(line)
    rejections = [Rejection(**rejection) for rejection in values["rejections"]]
    remarks = [Remark(**remark) for remark in values["remarks"]]
    rows, item_ids = list(values["rows"]), list(values["items"])
    return str(values["subject"]), Entry(rows, item_ids, rejections, remarks, image, volume, int(values["volumes"]))


def labelled(entry: Entry, record: Record) -> list[dict[str, Any]]:
    """Return the rows with class and official set as they are now: pixels do not depend on them."""
    labels = {item.item_id: label_of(record, item) for item in record.items}
    return [
        {**row, "label": labels[item_id], "official": record.official}
        for row, item_id in zip(entry.rows, entry.item_ids, strict=True)
    ]
