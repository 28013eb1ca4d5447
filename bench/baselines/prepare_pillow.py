"""A folder of pictures by a loop with Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def pictures(root: Path, size: int) -> Any:
    """Return all square pictures below ``root`` in the order of their paths, uint8 [n, size, size, 3]."""
    found = []
    for path in sorted(root.rglob("*.png")):
        with Image.open(path) as image:
            found.append(np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)))
    return np.stack(found)
