"""Knows a folder that sixgig wrote, wherever it was copied to: images in it are simulated."""

from __future__ import annotations

from pathlib import Path


def is_phantom(folder: Path) -> bool:
    """Whether a folder, or the folder of subjects in it, has the mark of a simulated cohort.

    Args:
        folder: What a study file names as the path of a cohort; it need not be there.
    """
    from sixgig.phantoms import acdc, brats
    from sixgig.phantoms.cohort import RECORD

    return any((place / RECORD).is_file() for place in (folder, folder / acdc.FOLDER, folder / brats.FOLDER))
