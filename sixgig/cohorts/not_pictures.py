"""What files under the name of a picture often are instead."""

from __future__ import annotations

_GET = "get the picture itself, or leave the file out"
#: Where the first bytes of a kind stand, what they are, what the file is, and what to do.
_KINDS = (
    (0, b"version https://git-lfs", "is a Git LFS pointer, not the picture itself", "run `git lfs pull` in its folder"),
    (0, b"<!doctype", "is a web page, as a failed download leaves it", "download the picture again"),
    (0, b"<html", "is a web page, as a failed download leaves it", "download the picture again"),
    (0, b"<svg", "is a drawing (SVG)", "save it as PNG"),
    (4, b"ftyphei", "is a HEIC photograph", "save it as JPEG or PNG"),
    (4, b"ftypmif1", "is a HEIC photograph", "save it as JPEG or PNG"),
    (128, b"dicm", "is a DICOM file under another suffix", "rename it to .dcm"),
    (0, b"%pdf", "is a PDF", "save its pictures as PNG"),
    (0, b"pk\x03\x04", "is a zip archive", "unpack it"),
    (0, b"\x1f\x8b", "is compressed (gzip)", "unpack it"),
)


def what_it_is(data: bytes) -> tuple[str, str]:
    """Return what a file that is no picture is, as the end of a sentence, and what to do."""
    if not data.strip(b"\0"):
        return "is empty" if not data else "holds nothing but zeros, as a broken copy does", "copy the picture again"
    start = data[:256].lower()
    for place, begin, what, step in _KINDS:
        if start[place:].startswith(begin):
            return what, step
    return "is not an image", _GET
