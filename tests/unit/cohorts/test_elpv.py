from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sixgig.cohorts.adapters.elpv import ElpvAdapter
from sixgig.cohorts.registry import check_source
from sixgig.errors import CohortError, ImageError


def test_labels_and_images(make_elpv: Callable[..., Path]) -> None:
    root = make_elpv([1.0, 0.0, 0.3333333333333333, 0.6666666666666666])
    adapter = ElpvAdapter()
    found = adapter.discover(root)
    assert [(record.subject_id, record.label) for record in found.records] == [
        ("cell0001", "defect"),
        ("cell0002", "functional"),
        ("cell0003", "functional"),
        ("cell0004", "defect"),
    ]
    (image,) = adapter.read(found.records[0])
    assert image.source == "elpv_dataset/data/images/cell0001.png"
    assert np.array_equal(image.array, np.random.default_rng(1).integers(0, 256, (12, 12), dtype=np.uint8))


def test_a_replaced_wheel_is_read_anew(make_elpv: Callable[..., Path]) -> None:
    assert len(ElpvAdapter().discover(make_elpv([0, 1])).records) == 2
    assert len(ElpvAdapter().discover(make_elpv([0, 1, 1])).records) == 3


@pytest.mark.parametrize(
    ("word", "reason"),
    [("high", "no defect probability"), ("1.5", "not in 0 to 1"), ("nan", "not in 0 to 1")],
)
def test_a_bad_row_is_left_out(make_elpv: Callable[..., Path], word: str, reason: str) -> None:
    found = ElpvAdapter().discover(make_elpv([1, word, 0]))
    assert [record.subject_id for record in found.records] == ["cell0001", "cell0003"]
    assert [rejection.subject_id for rejection in found.rejections] == ["cell0002"]
    assert reason in found.rejections[0].reason


@pytest.mark.parametrize(("content", "what"), [(b"not a png", "is not an image"), (b"", "is empty")])
def test_a_bad_image_is_an_image_error(make_elpv: Callable[..., Path], content: bytes, what: str) -> None:
    adapter = ElpvAdapter()
    found = adapter.discover(make_elpv([1, 0], damage={2: content}))
    with pytest.raises(ImageError, match=rf"cell0002\.png: {what}"):
        list(adapter.read(found.records[1]))


def test_a_folder_or_a_text_file_is_no_wheel(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_text("text")
    assert "is not a wheel" in check_source({"adapter": "elpv"}, tmp_path / "a.whl")[0]
    with pytest.raises(CohortError, match="the path has to be the elpv-dataset wheel"):
        ElpvAdapter().discover(tmp_path)


@pytest.mark.parametrize("name", ["labels.csv", "cell0002.png"])
def test_a_wheel_with_an_unknown_compression(make_elpv: Callable[..., Path], name: str) -> None:
    root = make_elpv([1, 0, 1])
    content = bytearray(root.read_bytes())
    place = content.find(name.encode(), content.find(b"PK\x01\x02")) - 46 - len("elpv_dataset/data/")
    place -= len("images/") if name.endswith("png") else 0
    assert content[place : place + 4] == b"PK\x01\x02"
    content[place + 10] = 97
    root.write_bytes(content)
    adapter = ElpvAdapter()
    if name == "labels.csv":
        with pytest.raises(CohortError, match=r"labels\.csv: cannot be read: That compression method is not supported"):
            adapter.discover(root)
        return
    with pytest.raises(ImageError, match=r"cell0002\.png: cannot be read from the wheel: That compression"):
        list(adapter.read(adapter.discover(root).records[1]))
