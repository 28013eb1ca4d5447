"""From stored values to intensities: rescaling, padding, inverted greys, and the window that is stored beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.dicom.headers import Plane
from sixgig.cohorts.dicom.pixels import stored_pixels
from sixgig.cohorts.dicom.values import Values, number, quiet, text, whole
from sixgig.errors import ImageError

Window = tuple[float, float]
_MOST_BITS = 32
_COUNTS = "CNTS"


@dataclass(frozen=True)
class Grey:
    """Intensities of one image.

    Attributes:
        pixels: float32 [rows, columns]; dark is low, in the units that the file states.
        padding: What is no part of the image, bool [rows, columns]; None when the file states none.
        window: The intensities that the file shows as black and as white; None when it states none.
        remarks: What is in doubt.
    """

    pixels: npt.NDArray[np.float32]
    padding: npt.NDArray[np.bool_] | None
    window: Window | None
    remarks: tuple[str, ...]


def read_grey(dataset: Any, plane: Plane) -> Grey:
    """Read the intensities of one image.

    Args:
        dataset: The file, with its pixels.
        plane: Which of its images.

    Raises:
        ImageError: It cannot be unpacked, is in colour, or its rescaling is no number.
    """
    place, values = plane.source, plane.values
    stored = stored_pixels(dataset, place, plane.frame)
    if stored.ndim != 2:
        raise ImageError(place, "is in colour", "leave it out with select")
    padding = _padding(stored, values)
    table = _table(dataset, place, "ModalityLUTSequence")
    slope, intercept = 1.0, 0.0
    if table is None:
        slope = _rescaling(values, "RescaleSlope", 1.0, place) or 1.0
        intercept = _rescaling(values, "RescaleIntercept", 0.0, place)
        pixels = stored.astype(np.float32)
        pixels *= np.float32(slope)
        pixels += np.float32(intercept)
    else:
        pixels = table.apply(stored)
    window, remarks = _window(dataset, values, place)
    bits, high = whole(values, "BitsStored"), whole(values, "HighBit")
    if bits is not None and high is not None and high != bits - 1:
        remarks.append(f"its HighBit of {high} does not agree with its {bits} bits: the lower bits were taken")
    if text(values, "PhotometricInterpretation").upper() == "MONOCHROME1":
        least, most = _range(stored, values) if table is None else (0.0, 0.0)
        ends = (least * slope + intercept) + (most * slope + intercept) if table is None else table.ends
        pixels = np.float32(ends) - pixels
        window = None if window is None else (ends - window[1], ends - window[0])
        remarks.append("is stored inverted (MONOCHROME1): turned round, so that dark is low")
    if text(values, "Modality").upper() == "CT" and table is None and "RescaleIntercept" not in values:
        remarks.append("has no RescaleIntercept, which a CT needs: its intensities may be no Hounsfield units")
    if text(values, "Modality").upper() == "PT" and text(values, "Units").upper() == _COUNTS:
        remarks.append("holds counts (Units CNTS), which differ from patient to patient for technical reasons")
    return Grey(pixels, padding, window, tuple(remarks))


def fill_padding(pixels: npt.NDArray[np.float32], padding: npt.NDArray[np.bool_], place: str) -> None:
    """Give what is no part of the image the least intensity of what is, in place.

    Raises:
        ImageError: Nothing is part of the image.
    """
    if padding.all():
        raise ImageError(place, "is padding all over", "restore the series")
    if padding.any():
        pixels[padding] = pixels[~padding].min()


def _rescaling(values: Values, tag: str, default: float, place: str) -> float:
    if tag not in values:
        return default
    found = number(values, tag)
    if found is None:
        raise ImageError(place, f"has a {tag} of {text(values, tag)!r}, which is no number", "restore the series")
    return found


def _padding(stored: npt.NDArray[Any], values: Values) -> npt.NDArray[np.bool_] | None:
    """Return where the stored values are padding. An unsigned 0 is the least value as it is, and stays."""
    value, limit = number(values, "PixelPaddingValue"), number(values, "PixelPaddingRangeLimit")
    if value is None:
        return None
    low, high = sorted((value, value if limit is None else limit))
    if stored.dtype.kind == "i" and low > np.iinfo(stored.dtype).max:  # stated as if it were unsigned
        low, high = (float(np.array(int(one)).astype(stored.dtype)) for one in (low, high))
    if stored.dtype.kind == "u" and low == high == 0:
        return None
    found: npt.NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return found


def _range(stored: npt.NDArray[Any], values: Values) -> Window:
    """Return the least and the greatest value that can be stored."""
    if stored.dtype.kind == "f":
        return float(stored.min()), float(stored.max())
    bits = number(values, "BitsStored")
    bits = bits if bits is not None and 0 < bits <= _MOST_BITS else 8.0 * stored.dtype.itemsize
    if stored.dtype.kind == "i":
        return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - 1


def _window(dataset: Any, values: Values, place: str) -> tuple[Window | None, list[str]]:
    """Return the first window that is stored, in intensities after rescaling; of a table, where it rises."""
    centre, width = number(values, "WindowCenter"), number(values, "WindowWidth")
    function = text(values, "VOILUTFunction").upper()
    if centre is not None and width is not None and width > 0:
        if function in ("", "LINEAR") and width > 1:
            return (centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2), []
        return (centre - width / 2, centre + width / 2), []
    table = _table(dataset, place, "VOILUTSequence")
    return (None, []) if table is None else (table.rise, [])


@dataclass(frozen=True)
class _Table:
    """A look-up table: the stored value of its first entry, and its entries."""

    first: int
    entries: npt.NDArray[np.float32]

    def apply(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        places = np.clip(stored.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        found: npt.NDArray[np.float32] = self.entries[places]
        return found

    @property
    def ends(self) -> float:
        return float(self.entries.min()) + float(self.entries.max())

    @property
    def rise(self) -> Window | None:
        """Return the values between which its entries go from least to greatest."""
        least = np.flatnonzero(self.entries == self.entries.min())
        most = np.flatnonzero(self.entries == self.entries.max())
        low, high = float(self.first + least[-1]), float(self.first + most[0])
        return (low, high) if low < high else None


def _table(dataset: Any, place: str, name: str) -> _Table | None:
    try:
        with quiet():
            sequence = dataset.get(name)
            if not sequence:
                return None
            item = sequence[0]
            n_entries, first, bits = (int(value) for value in item.LUTDescriptor)
            data = item["LUTData"].value
            n_entries = n_entries or 1 << 16
            if isinstance(data, bytes):
                entries = np.frombuffer(data, dtype="<u2" if bits > 8 or len(data) > n_entries else "u1")[:n_entries]
            else:
                entries = np.asarray(data)
            if first > 0x7FFF and dataset.get("PixelRepresentation") == 1:
                first -= 1 << 16
        if len(entries) != n_entries or not 0 < bits <= 16:
            raise ValueError(f"{len(entries)} of {n_entries} entries of {bits} bits")
    except Exception as error:  # a sequence that is none, or a table that is cut
        raise ImageError(place, f"its {name} cannot be read: {error or type(error).__name__}", "restore it") from error
    return _Table(first, entries.astype(np.float32))
