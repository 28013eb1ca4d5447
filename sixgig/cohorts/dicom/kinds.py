"""Which DICOM objects are no images of a patient, and which images are no volumes: passed over, not lost."""

from __future__ import annotations

import re

from sixgig.cohorts.dicom.values import Values, text

NO_IMAGE = "no image"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
#: Beginnings of SOP classes, the longest first, and what such an object is.
_CLASSES = {
    "1.2.840.10008.1.3.10": "a DICOMDIR, the list of a disc's files",
    f"{_STORAGE}88.59": "a key object selection",
    f"{_STORAGE}88.67": "a dose report",
    f"{_STORAGE}88.": "a structured report",
    f"{_STORAGE}66.1": "a registration",
    f"{_STORAGE}66.2": "a list of fiducials",
    f"{_STORAGE}66.3": "a registration",
    f"{_STORAGE}66.4": "a segmentation",
    f"{_STORAGE}66.5": "a segmentation",
    f"{_STORAGE}66.6": "tractography",
    f"{_STORAGE}66.7": "a segmentation",
    f"{_STORAGE}66": "raw data",
    f"{_STORAGE}67": "a mapping of values",
    f"{_STORAGE}68.": "a scan of a surface",
    f"{_STORAGE}78.": "a table of measurements",
    f"{_STORAGE}79.": "a table of measurements",
    f"{_STORAGE}80.": "a table of measurements",
    f"{_STORAGE}90.": "an assessment",
    f"{_STORAGE}200.": "a protocol",
    f"{_STORAGE}201.": "a protocol",
    f"{_STORAGE}11.": "a presentation state",
    f"{_STORAGE}104.": "a document",
    f"{_STORAGE}481.1": "",  # a radiotherapy image is an image
    f"{_STORAGE}481.": "a radiotherapy object",
    f"{_STORAGE}9.": "a waveform",
    f"{_STORAGE}4.2": "spectroscopy",
    "1.2.840.10008.5.1.4.34.": "a plan of treatment",
    "1.2.840.10008.5.1.4.38.": "a hanging protocol",
}
_MODALITIES = {
    "SR": "a structured report", "KO": "a key object selection", "PR": "a presentation state",
    "SEG": "a segmentation", "RTSTRUCT": "a radiotherapy object", "RTPLAN": "a radiotherapy object",
    "RTDOSE": "a radiotherapy object", "RTRECORD": "a radiotherapy object", "REG": "a registration",
    "DOC": "a document", "ECG": "a waveform", "AU": "a waveform", "HD": "a waveform", "PLAN": "a plan of treatment",
    "FID": "a list of fiducials",
}  # fmt: skip
_CAPTURES = re.compile(r"^1\.2\.840\.10008\.5\.1\.4\.1\.1\.7(\.|$)")
#: Values of ImageType.
_LOCALIZERS = {"LOCALIZER", "SCOUT", "TOPOGRAM"}
_PROJECTIONS = {"MIP", "MINIP", "MAX_IP", "MIN_IP", "MAXIMUM_IP", "PROJECTION IMAGE", "VOLREN", "CSA MIP", "CSA 3D"}
_CAPTURED = {"SCREEN SAVE", "SCREENSAVE", "SCREEN CAPTURE", "SCREEN_CAPTURE", "CAPTURE"}
_MOSAICS = {"MOSAIC"}
_SCOUTS = re.compile(r"\b(locali[sz]er|scout|topogram|surview|scanogram|scano)\b|^survey\b", re.IGNORECASE)
#: Radiographs and other pictures, which have no place in a volume.
_PICTURES = {
    "CR", "DX", "MG", "RF", "XA", "US", "IO", "PX", "XC", "ES", "GM", "SM", "OP", "RG", "DG", "IVUS"
}  # fmt: skip


def no_image(values: Values) -> str | None:
    """Return what an object is that is no image, such as ``a structured report``; None for images, damaged or not."""
    sop = text(values, "SOPClassUID")
    for start, name in _CLASSES.items():
        if sop == start or (start.endswith(".") and sop.startswith(start)) or sop.startswith(f"{start}."):
            if name:
                return name
            break
    modality = text(values, "Modality").upper()
    if modality in _MODALITIES:
        return _MODALITIES[modality]
    if sop.startswith(_STORAGE) or ("Rows" in values and "Columns" in values):
        return None
    return NO_IMAGE


def said_of(what: str) -> str:
    """Say of a file what :func:`no_image` found."""
    return f"is {what}" if what == NO_IMAGE else f"is {what}, no image"


def no_volume(values: Values) -> str | None:
    """Return what an image is that is no slice of a volume of the patient; None for slices.

    A study file that names the series or its ImageType means it, whatever it is.
    """
    kinds = {value.upper() for value in values.get("ImageType", ())}
    if kinds & _LOCALIZERS or _SCOUTS.search(text(values, "SeriesDescription")):
        return "a localizer"
    if kinds & _PROJECTIONS:
        return "a projection of a volume"
    if kinds & _CAPTURED or _CAPTURES.match(text(values, "SOPClassUID")):
        return "a screen capture or another secondary picture"
    return None


def unreadable(values: Values) -> str | None:
    """Return why an image cannot become a slice of a volume although it is one; None when it can."""
    if {value.upper() for value in values.get("ImageType", ())} & _MOSAICS:
        return "is a mosaic, with all slices of a volume in one picture: convert it to NIfTI"
    samples = text(values, "SamplesPerPixel")
    if samples not in ("", "1") or text(values, "PhotometricInterpretation").upper() == "PALETTE COLOR":
        return "is in colour, and a volume has one intensity"
    return None


def is_picture(values: Values) -> bool:
    """Whether it is a radiograph, an ultrasound image, a photograph ...: of a kind that is read with two dimensions."""
    return text(values, "Modality").upper() in _PICTURES
