"""Pixels of a DICOM file as they are stored, unpacked by pydicom, and by SimpleITK where pydicom cannot."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy.typing as npt

from sixgig.cohorts.dicom.values import quiet
from sixgig.errors import ImageError

_NEXT_STEP = "store it uncompressed"
#: What another reader has to know to unpack one image; nothing about the patient.
_NEEDED = (
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation",
)  # fmt: skip
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def stored_pixels(dataset: Any, place: str, frame: int | None = None) -> npt.NDArray[Any]:
    """Return the stored values of one image, before any rescaling.

    Args:
        dataset: A pydicom FileDataset with its pixels.
        place: The file, for the error message.
        frame: Which frame of an enhanced file; None where there is one image.

    Returns:
        [rows, columns], or [rows, columns, 3] in RGB.

    Raises:
        ImageError: Neither library can unpack it.
    """
    import pydicom
    from pydicom.pixels import pixel_array

    try:
        with quiet():
            try:
                pixels = pixel_array(dataset, index=frame or 0)
            except (RuntimeError, NotImplementedError) as error:  # no decoder for the transfer syntax, or it failed
                if not _packing(dataset):
                    raise
                pixels = _unpacked(dataset, frame or 0, error)
            photometric = str(dataset.get("PhotometricInterpretation") or "")
            if photometric == "PALETTE COLOR":
                pixels = pydicom.pixels.apply_color_lut(pixels, dataset)
    except MemoryError:
        raise
    except Exception as error:  # damaged data, impossible headers: whatever it is, this file cannot be used
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(place, f"cannot be decoded{_packing(dataset)}: {reason}", _NEXT_STEP) from error
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3) or not pixels.size:
        raise ImageError(place, f"has pixels of the shape {pixels.shape}", _NEXT_STEP)
    return pixels


def _packing(dataset: Any) -> str:
    """Return the name of the compression in brackets; empty without one."""
    try:
        syntax = dataset.file_meta.TransferSyntaxUID
        return f" ({syntax.name})" if syntax.is_compressed else ""
    except Exception:  # no transfer syntax, or one that is none
        return ""


def _unpacked(dataset: Any, frame: int, error: Exception) -> npt.NDArray[Any]:
    """Let SimpleITK unpack one image.

    It gets a file of the packed image and its layout alone: of a whole file SimpleITK would apply the rescaling, and to
    all frames the same.
    """
    import pydicom
    import SimpleITK as sitk  # noqa: N813
    from pydicom.encaps import encapsulate, get_frame
    from pydicom.uid import generate_uid

    n_frames = int(dataset.get("NumberOfFrames") or 1)
    packed = get_frame(dataset.PixelData, frame, number_of_frames=n_frames)
    bare = pydicom.Dataset()
    for name in _NEEDED:
        if name in dataset:
            bare[name] = dataset[name]
    brightness_first = str(dataset.get("PhotometricInterpretation") or "").startswith("YBR_FULL")
    if brightness_first:  # unpacked as it is, and turned to RGB by pydicom below
        bare.PhotometricInterpretation = "RGB"
    bare.SOPClassUID, bare.SOPInstanceUID = _SECONDARY_CAPTURE, generate_uid()
    bare.PixelData = encapsulate([packed])
    bare["PixelData"].VR = "OB"
    bare.file_meta = pydicom.dataset.FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    bare.file_meta.MediaStorageSOPClassUID = bare.SOPClassUID
    bare.file_meta.MediaStorageSOPInstanceUID = bare.SOPInstanceUID
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.dcm"
        bare.save_as(path, enforce_file_format=True)
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        try:
            pixels = sitk.GetArrayFromImage(reader.Execute())
        except RuntimeError as other:
            # What pydicom says is what it lacks; what SimpleITK says is longer, and not about the file.
            raise RuntimeError(" ".join(str(error).split())) from other
    pixels = pixels[0] if pixels.shape[0] == 1 else pixels
    return pydicom.pixels.convert_color_space(pixels, "YBR_FULL", "RGB") if brightness_first else pixels
