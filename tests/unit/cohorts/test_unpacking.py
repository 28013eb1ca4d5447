import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest
from isal import igzip_lib

from sixgig.cohorts.unpacking import UNPACKING_ERRORS, read_start, read_unpacked, unpacked_size

CONTENT = np.random.default_rng(0).integers(0, 9, 700_000).astype(np.uint8).tobytes()
PACKED = gzip.compress(CONTENT, mtime=0)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "a.gz"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (PACKED, CONTENT),
        (CONTENT, CONTENT),  # not packed, whatever the name
        (PACKED + gzip.compress(b"second"), CONTENT + b"second"),
        (gzip.compress(b"first") + PACKED, b"first" + CONTENT),
        (PACKED + b"\0" * 512, CONTENT),
        (gzip.compress(b""), b""),
        (b"", b""),
    ],
    # Packed data holds the time, which would make a name differ between two processes.
    ids=["packed", "plain", "packed after", "packed before", "padded", "nothing packed", "nothing"],
)
def test_content(tmp_path: Path, data: bytes, expected: bytes) -> None:
    path = written(tmp_path, data)
    assert read_unpacked(path).tobytes() == expected
    assert read_start(path, 5).tobytes() == expected[:5]


@pytest.mark.parametrize("data", [PACKED, CONTENT])
def test_content_goes_to_a_room_of_its_size(tmp_path: Path, data: bytes) -> None:
    path = written(tmp_path, data)
    room = np.zeros(unpacked_size(path), np.uint8)
    assert np.shares_memory(read_unpacked(path, room), room)
    assert room.tobytes() == CONTENT
    small = np.zeros(10, np.uint8)
    assert read_unpacked(path, small).tobytes() == CONTENT
    assert not small.any()


@pytest.mark.parametrize(
    "kept", [3, 9, 17, 18, 100, len(PACKED) // 2, len(PACKED) - 9, len(PACKED) - 8, len(PACKED) - 1]
)
def test_a_cut_stream(tmp_path: Path, kept: int) -> None:
    with pytest.raises((EOFError, *UNPACKING_ERRORS)):
        read_unpacked(written(tmp_path, PACKED[:kept]))


@pytest.mark.parametrize("place", [-8, -5, -4, -1])
def test_a_wrong_checksum_or_length(tmp_path: Path, place: int) -> None:
    data = bytearray(PACKED)
    data[place] ^= 1
    with pytest.raises(igzip_lib.error, match="checksum"):
        read_unpacked(written(tmp_path, bytes(data)))


def test_something_behind_the_stream(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="4 bytes that are not gzip follow"):
        read_unpacked(written(tmp_path, PACKED + b"more"))


def test_every_damaged_byte_is_noticed_or_harmless(tmp_path: Path) -> None:
    """A header's time, name or system may be anything; all else is under the checksum."""
    for place in [*range(18), *np.random.default_rng(1).integers(18, len(PACKED), 40)]:
        data = bytearray(PACKED)
        data[place] ^= 0xFF
        try:
            content = read_unpacked(written(tmp_path, bytes(data))).tobytes()
        except (EOFError, ValueError, *UNPACKING_ERRORS):
            continue
        assert content == (CONTENT if place > 1 else bytes(data))


def test_a_length_that_cannot_be_is_not_believed(tmp_path: Path) -> None:
    """Four bytes in the trailer must not make a process ask for gigabytes."""
    path = written(tmp_path, PACKED[:-4] + b"\xff\xff\xff\xff")
    assert unpacked_size(path) == 0
    assert unpacked_size(tmp_path / "absent") == 0
    with pytest.raises(igzip_lib.error):
        read_unpacked(path)


def test_as_zlib_does(tmp_path: Path) -> None:
    """Another program's stream, of another level and with a header of its own."""
    packer = zlib.compressobj(9, wbits=31)
    data = packer.compress(CONTENT) + packer.flush()
    assert read_unpacked(written(tmp_path, data)).tobytes() == CONTENT
