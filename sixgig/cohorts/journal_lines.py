"""The lines of a journal: what one subject has in the arrays, as JSON."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

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
        sha256: Of the bytes of its rows in images.npy, then of those in volumes.npy.
    """

    rows: list[dict[str, Any]]
    item_ids: list[str]
    rejections: list[Rejection]
    remarks: list[Remark]
    image: int
    volume: int
    n_volumes: int
    sha256: str


def line_of(subject: str, entry: Entry) -> str:
    """Return the line about a subject, with a checksum of the line and its end."""
    values = {
        "subject": subject,
        "rows": entry.rows,
        "items": entry.item_ids,
        "volumes": entry.n_volumes,
        "rejections": [asdict(rejection) for rejection in entry.rejections],
        "remarks": [asdict(remark) for remark in entry.remarks],
        "sha256": entry.sha256,
    }
    return json.dumps({**values, "line": _checksum(values)}) + "\n"


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
        ValueError: It is no such line, or not as it was written; KeyError or TypeError likewise.
    """
    values = json.loads(line)
    if values.pop("line") != _checksum(values):
        raise ValueError("the line has changed since it was written")
    rejections = [Rejection(**rejection) for rejection in values["rejections"]]
    remarks = [Remark(**remark) for remark in values["remarks"]]
    rows, item_ids = list(values["rows"]), list(values["items"])
    return str(values["subject"]), Entry(
        rows, item_ids, rejections, remarks, image, volume, int(values["volumes"]), str(values["sha256"])
    )  # fmt: skip


def rows_sha256(*arrays: npt.NDArray[Any]) -> str:
    """Return the sha256 of the bytes of some arrays, one after the other."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _checksum(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def labelled(entry: Entry, record: Record) -> list[dict[str, Any]]:
    """Return the rows with class and official set as they are now: pixels do not depend on them."""
    labels = {item.item_id: label_of(record, item) for item in record.items}
    return [
        {**row, "label": labels[item_id], "official": record.official}
        for row, item_id in zip(entry.rows, entry.item_ids, strict=True)
    ]
