"""A zip archive with the same bytes for the same files, whenever and by whomever it is made."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from sixgig.runtime.atomic import atomic_path

#: The earliest time that a zip can hold; all files get it.
_TIME = (1980, 1, 1, 0, 0, 0)
_ORDINARY_FILE = 0o100644 << 16
#: What zlib would make no smaller.
_PACKED = (".png", ".npz", ".gz", ".pdf")


def write_archive(folder: Path, files: Iterable[str], top: str, target: Path) -> None:
    """Write files into a zip archive: sorted, with one time, owner and mode for all.

    Args:
        folder: Where the files lie.
        files: Their paths from there.
        top: Folder inside the archive.
        target: The archive; it appears whole or not at all.
    """
    with atomic_path(target) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(f"{top}/{name}" if top else name, _TIME)
            info.create_system, info.external_attr = 3, _ORDINARY_FILE
            info.compress_type = zipfile.ZIP_STORED if name.endswith(_PACKED) else zipfile.ZIP_DEFLATED
            with (folder / name).open("rb") as source, archive.open(info, "w", force_zip64=True) as stream:
                while block := source.read(1 << 20):
                    stream.write(block)
