"""A few example images of a cohort, one strip per class, as PNG data URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import pandas as pd

#: Height and width of one example in pixels.
_SIDE = 96


@dataclass(frozen=True)
class Strip:
    """Examples of one class: the class, how many examples, and the picture as a data URI."""

    label: str
    n_images: int
    uri: str


def examples(manifest: pd.DataFrame, per_class: int = 6) -> dict[str, list[int]]:
    """Choose images: the middle one of the first subjects of each class, in the order of the manifest.

    Args:
        manifest: The manifest; row i is image i.
        per_class: Images per class at most.

    Returns:
        Row numbers by class, classes in alphabetical order; unlabelled subjects are left out.
    """
    labelled = manifest.reset_index(drop=True)
    labelled = labelled[labelled["label"].notna()]
    chosen: dict[str, list[int]] = {}
    for label, rows in sorted(labelled.groupby("label"), key=lambda item: str(item[0])):
        groups = rows.groupby("subject_id", sort=False).indices
        chosen[str(label)] = [int(rows.index[own[len(own) // 2]]) for own in list(groups.values())[:per_class]]
    return chosen


def strips(manifest: pd.DataFrame, images: np.ndarray | None, per_class: int = 6) -> list[Strip]:
    """Draw the strips.

    Args:
        manifest: The manifest; row i is image i.
        images: uint8 [n_images, H, W, 3], or None when the images are gone.
        per_class: Images per class at most.

    Returns:
        One strip per class; none without images.
    """
    if images is None:
        return []
    found = []
    for label, rows in examples(manifest, per_class).items():
        rows = [row for row in rows if row < len(images)]
        if rows:
            found.append(Strip(label, len(rows), picture([np.asarray(images[row]) for row in rows])))
    return found


def picture(images: list[np.ndarray]) -> str:
    """Images side by side as one PNG, as a data URI; each is uint8 [H, W, 3]."""
    from PIL import Image

    gap = 4
    sheet = np.full((_SIDE, len(images) * (_SIDE + gap) - gap, 3), 255, dtype=np.uint8)
    for place, image in enumerate(images):
        scaled = Image.fromarray(image).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
        start = place * (_SIDE + gap)
        sheet[:, start : start + _SIDE] = np.asarray(scaled)
    grey = bool((sheet[..., 0] == sheet[..., 1]).all() and (sheet[..., 0] == sheet[..., 2]).all())
    picture = Image.fromarray(sheet[..., 0] if grey else sheet)
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
