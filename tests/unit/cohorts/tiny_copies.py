"""Small cohorts with known copies, for the tests of what is a copy and what becomes of it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import gaussian_filter

from sixgig.tables.cohorts import MANIFEST

#: How a picture may come back, by the name that copies.csv gives it.
TURNS: dict[str, Any] = {
    "as it is": lambda x: x,
    "mirrored left-right": np.fliplr,
    "mirrored up-down": np.flipud,
    "rotated by 180 degrees": lambda x: np.rot90(x, 2),
    "mirrored on the diagonal": lambda x: x.T,
    "rotated left by 90 degrees": np.rot90,
    "rotated right by 90 degrees": lambda x: np.rot90(x, 3),
    "mirrored on the other diagonal": lambda x: np.rot90(x, 2).T,
}


def scenes(n: int, side: int = 56, seed: int = 0) -> np.ndarray:
    """Return n unrelated smooth pictures, uint8 [n, side, side]."""
    rng = np.random.default_rng(seed)
    noise = np.stack([gaussian_filter(rng.normal(size=(side, side)), side / 16) for _ in range(n)])
    low, high = noise.min(axis=(1, 2), keepdims=True), noise.max(axis=(1, 2), keepdims=True)
    return np.round(10 + 230 * (noise - low) / (high - low)).astype(np.uint8)


def alike(n: int, side: int = 56, seed: int = 0) -> np.ndarray:
    """Return n pictures of one kind, uint8 [n, side, side]: one strong pattern, each with weak marks of its own."""
    pattern = scenes(1, side, seed + 1)[0].astype(float)
    marks = scenes(n, side, seed + 2).astype(float) - 128
    rng = np.random.default_rng(seed)
    bright = rng.uniform(0.7, 0.9, (n, 1, 1))
    return np.clip(bright * pattern + 0.06 * marks + 10, 0, 255).round().astype(np.uint8)


def recompressed(picture: np.ndarray, quality: int = 60) -> np.ndarray:
    """Return a picture as JPEG would give it back."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def cohort(pictures: list[np.ndarray], subjects: list[str], labels: list[str | None], **columns: list[Any]) -> Any:
    """Return rows of manifest.csv and images, uint8 [n, H, W, 3], of grey pictures; image i is called ``i<i>``."""
    names = [f"i{number}" for number in range(len(pictures))]
    given = {"image_id": names, "subject_id": subjects, "label": labels, "source": names, **columns}
    frame = pd.DataFrame({name: given.get(name, [None] * len(names)) for name in MANIFEST.column_names})
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return rows, np.repeat(np.stack(pictures)[..., None], 3, axis=3)
