"""The planes in which volumes are sliced: how an ``image_id`` names them, and how their pictures lie."""

from __future__ import annotations

import re
from typing import Literal

Plane = Literal["axial", "coronal", "sagittal"]

#: By the axis (X, Y, Z) that stands on the plane.
BY_NORMAL: tuple[Plane, ...] = ("sagittal", "coronal", "axial")
#: Planes of the cuts through the middle of a prepared volume [D, H, W]: across D, across H and across W.
CUTS: dict[Plane, tuple[Plane, Plane, Plane]] = {
    "axial": ("axial", "coronal", "sagittal"),
    "coronal": ("coronal", "axial", "sagittal"),
    "sagittal": ("sagittal", "axial", "coronal"),
}
#: What is at the top, bottom, left and right of these cuts; those across H and W with the end of D at the top.
MARKS: dict[Plane, tuple[str, str, str]] = {
    "axial": ("APLR", "SILR", "SIAP"),
    "coronal": ("SILR", "APLR", "APSI"),
    "sagittal": ("SIAP", "RLAP", "RLSI"),
}
_SUFFIX = re.compile(r"_([xyz])\d+$")


def letter(plane: Plane) -> str:
    """Return the axis along which the slices of a plane are counted, as in ``image_id``: x, y or z."""
    return "xyz"[BY_NORMAL.index(plane)]


def plane_of(image_id: str) -> Plane:
    """Return the plane of a slice by the end of its ``image_id``, such as ``_z012``; axial for other names."""
    match = _SUFFIX.search(image_id)
    return "axial" if match is None else BY_NORMAL["xyz".index(match[1])]
