"""What comparing needs to know of a prepared cohort, read in one pass: digests of all images, and small pictures."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from sixgig.cohorts.likeness import standardise

#: Side of the small picture of an image, and of a slice of a volume; slices of a volume that are looked at.
_SIDE, _SLICE_SIDE, _SLICES = 48, 32, 8
#: Grey levels of 255. A picture that varies less shows nothing that could be recognised.
_FLAT = 2.0
#: Bytes read before the pages of a memory map are given back.
_RELEASE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Looks:
    """The images of a 2D cohort, or the volumes of a 3D one: what is compared, and what of it can be a copy.

    Attributes:
        items: Columns image_id (the volume_id of a volume), subject_id, label, official; one row per item, in the order
            of the manifest.
        rows: For each item, its rows of the manifest.
        digest_of: Row of the manifest -> sha256 of its image; images of one single value have none.
        small: float16 [n, C, S, S], standardised; n items, without those that are flat.
        seen: int64 [n], the item of each small picture.
        n_blank: Images of one single value.
    """

    items: pd.DataFrame
    rows: list[npt.NDArray[np.int64]]
    digest_of: dict[int, bytes]
    small: npt.NDArray[np.float16]
    seen: npt.NDArray[np.int64]
    n_blank: int

    @property
    def n_flat(self) -> int:
        """Items that show too little to be compared by likeness."""
        return len(self.items) - len(self.seen)

    def digests(self, item: int) -> set[bytes]:
        """Return the sha256 of the images of an item."""
        return {self.digest_of[row] for row in self.rows[item].tolist() if row in self.digest_of}

    def only(self, kept: npt.NDArray[np.bool_], subjects: list[str]) -> Looks:
        """Return the items that are kept, under other names of their subjects (one for every item)."""
        number = np.cumsum(kept) - 1
        seen = kept[self.seen]
        return replace(
            self,
            items=self.items.assign(subject_id=subjects)[kept].reset_index(drop=True),
            rows=[rows for rows, keep in zip(self.rows, kept, strict=True) if keep],
            small=self.small[seen],
            seen=number[self.seen[seen]],
        )


def look(manifest: pd.DataFrame, images: npt.NDArray[np.uint8]) -> Looks:
    """Read the images of a cohort once.

    Args:
        manifest: Rows of manifest.csv.
        images: uint8 [n_images, H, W, 3]; row i is row i of the manifest. May be memory-mapped.
    """
    names = manifest["volume_id"].fillna(manifest["image_id"]).astype(str)
    item_of, order = pd.factorize(names)
    rows: list[npt.NDArray[np.int64]] = [
        np.asarray(own, dtype=np.int64) for own in pd.Series(range(len(manifest))).groupby(item_of).apply(list)
    ]
    first = [int(own[0]) for own in rows]
    official = manifest["official"] if "official" in manifest else pd.Series([None] * len(manifest))
    items = pd.DataFrame(
        {
            "image_id": order.astype(str),
            "subject_id": manifest["subject_id"].astype(str).to_numpy()[first],
            "label": manifest["label"].astype(object).where(manifest["label"].notna(), None).to_numpy()[first],
            "official": official.astype(object).where(official.notna(), None).to_numpy()[first],
        }
    )
    volumes = bool(manifest["volume_id"].notna().any())
    places = _places(manifest, rows) if volumes else {row: [(row, 0)] for row in range(len(manifest))}
    side = min(_SLICE_SIDE if volumes else _SIDE, *images.shape[1:3]) if len(images) else 1
    small = np.zeros((len(rows), _SLICES if volumes else 1, side, side), np.float16)
    digest_of: dict[int, bytes] = {}
    shrink = [_areas(length, side) for length in images.shape[1:3]]
    n_blank = 0
    with threadpool_limits(1):  # products as small as these are slower in several threads
        for row, image in enumerate(released(images)):
            if image.min() == image.max():
                n_blank += 1
            else:
                digest_of[row] = hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()
            for item, plane in places.get(row, ()):
                grey = (image[..., 0].astype(np.float32) + image[..., 1] + image[..., 2]) / 3
                small[item, plane] = shrink[0] @ grey @ shrink[1].T
    seen = np.flatnonzero(small.reshape(len(rows), -1).std(axis=1, dtype=np.float32) >= _FLAT)
    for start in range(0, len(seen), 1024):
        part = seen[start : start + 1024]
        small[part] = standardise(small[part].astype(np.float32))
    return Looks(items, rows, digest_of, small[seen], seen, n_blank)


def released(images: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield each row, and give the pages of a memory map back: they count as memory of the process once read."""
    mapped: mmap.mmap | None = getattr(images, "_mmap", None)
    if images.flags.writeable or not hasattr(mmap, "MADV_DONTNEED"):
        mapped = None
    since_release = 0
    for row in images:
        yield row
        since_release += row.nbytes
        if mapped is not None and since_release >= _RELEASE_BYTES:
            mapped.madvise(mmap.MADV_DONTNEED)
            since_release = 0


def _places(manifest: pd.DataFrame, rows: list[npt.NDArray[np.int64]]) -> dict[int, list[tuple[int, int]]]:
    """Return row of a slice -> its places (volume, plane): slices at equal distances stand for a volume."""
    found: dict[int, list[tuple[int, int]]] = {}
    height = manifest["slice"].to_numpy(dtype=float, na_value=0.0)
    for item, own in enumerate(rows):
        ordered = own[np.argsort(height[own], kind="stable")]
        for plane, place in enumerate(np.linspace(0, len(ordered) - 1, _SLICES).round().astype(int)):
            found.setdefault(int(ordered[place]), []).append((item, plane))
    return found


def _areas(length: int, side: int) -> npt.NDArray[np.float32]:
    """Return [side, length], weights of means over equal areas; unlike resampling they are the same from both ends."""
    edges = np.linspace(0, length, side + 1)
    pixels = np.arange(length)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: npt.NDArray[np.float32] = (np.clip(shared, 0, None) * (side / length)).astype(np.float32)
    return weights
