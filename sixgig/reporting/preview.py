"""Preview sheet of a cohort: a few subjects in all modalities, and histograms of their intensities.

It shows mistakes that no test finds: a cohort that lies upside down, or a modality under the name of another.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.figures import style
from sixgig.reporting.contact_sheet import examples
from sixgig.tables.planes import CUTS, MARKS, plane_of
from sixgig.words.language import tr

_ROWS = 4
_PANEL = 1.25
_RED_GREEN_BLUE = ("red", "green", "blue")


def preview(
    manifest: pd.DataFrame,
    info: Mapping[str, Any],
    images: NDArray[np.uint8] | None,
    volumes: NDArray[np.float16] | None,
) -> str | None:
    """Draw the sheet.

    One row per subject, with subjects of all classes in turn. Volumes show each modality in the middle slice, and the
    first modality in the middle of the two planes across the slices; images show their channels where these differ. The
    last row holds histograms of the shown pixels above 0.

    Args:
        manifest: The manifest; row i is image i.
        info: ``cohort.json``.
        images: uint8 [n_images, H, W, 3]; None when they are gone.
        volumes: float16 [n_volumes, D, H, W, M]; None or no rows for a cohort without volumes.

    Returns:
        A PNG as a data URI; None when there is nothing to show.
    """
    chosen = examples(manifest, _ROWS)
    order = [(label, rows[place]) for place in range(_ROWS) for label, rows in chosen.items() if place < len(rows)]
    if images is None or not order:
        return None
    order = sorted(order[:_ROWS])
    panels = [_panels(manifest, info, images, volumes, row) for _, row in order]
    n_columns = len(panels[0])
    with style.style():
        figure = style.new_figure(0.8 + _PANEL * n_columns, 0.3 + (_PANEL + 0.05) * len(order) + 0.9)
        grid = figure.subplots(len(order) + 1, n_columns, squeeze=False, height_ratios=[*[1.0] * len(order), 0.55])
        for row, ((label, index), pictures) in enumerate(zip(order, panels, strict=True)):
            for column, (title, picture, marks) in enumerate(pictures):
                axes = grid[row, column]
                axes.imshow(picture, cmap="gray", vmin=0, vmax=1, aspect="equal")
                axes.set(xticks=[], yticks=[])
                if row == 0:
                    axes.set_title(title, fontsize=8)
                if column == 0:
                    subject = str(manifest["subject_id"].iloc[index])
                    axes.set_ylabel(f"{label}\n{subject[-14:]}", fontsize=7)
                for letter, place in zip(marks, ((0.5, 0.97), (0.5, 0.02), (0.03, 0.5), (0.97, 0.5)), strict=False):
                    axes.text(
                        *place, letter, transform=axes.transAxes, fontsize=7, color="#FFD400",
                        ha={0.03: "left", 0.97: "right"}.get(place[0], "center"),
                        va={0.97: "top", 0.02: "bottom"}.get(place[1], "center"),
                    )  # fmt: skip
        for column in range(n_columns):
            shown = np.concatenate([pictures[column][1].ravel() for pictures in panels])
            axes = grid[-1, column]
            axes.hist(shown[shown > 0], bins=40, range=(0, 1), color="#555555")
            axes.set(yticks=[], xticks=[0, 1], xlim=(0, 1))
            axes.tick_params(labelsize=7)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=100, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _panels(
    manifest: pd.DataFrame,
    info: Mapping[str, Any],
    images: NDArray[np.uint8],
    volumes: NDArray[np.float16] | None,
    row: int,
) -> list[tuple[str, NDArray[np.float32], str]]:
    """Return title, picture in [0, 1] and letters (top, bottom, left, right) of every panel of one subject."""
    modalities = [str(name) for name in info.get("modalities") or []]
    plane = plane_of(str(manifest["image_id"].iloc[row]))
    marks, marks_h, marks_w = MARKS[plane] if info.get("dimensions") == 3 else ("", "", "")
    if volumes is not None and len(volumes):
        place = list(dict.fromkeys(manifest["volume_id"])).index(manifest["volume_id"].iloc[row])
        volume = np.asarray(volumes[place], dtype=np.float32)
        depth, height, width, _ = (length // 2 for length in volume.shape)
        found = [(name, volume[depth, :, :, channel], marks) for channel, name in enumerate(modalities)]
        first = modalities[0] if modalities else ""
        # Depth runs from bottom to top, from back to front or from left to right; pictures from top to bottom.
        across = {
            "axial": tr("{modality}, axial", modality=first),
            "coronal": tr("{modality}, coronal", modality=first),
            "sagittal": tr("{modality}, sagittal", modality=first),
        }
        _, cut_h, cut_w = CUTS[plane]
        found.append((across[cut_h], volume[::-1, height, :, 0], marks_h))
        found.append((across[cut_w], volume[::-1, :, width, 0], marks_w))
        return found
    image = np.asarray(images[row] / np.float32(255), dtype=np.float32)
    if len(modalities) in (2, 3):
        return [(name, image[..., channel], marks) for channel, name in enumerate(modalities)]
    if (image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all():
        return [(modalities[0] if modalities else tr("grey"), image[..., 0], marks)]
    return [(tr(name), image[..., channel], marks) for channel, name in enumerate(_RED_GREEN_BLUE)]
