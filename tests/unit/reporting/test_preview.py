import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sixgig.reporting import preview as module
from sixgig.reporting.preview import preview
from sixgig.tables.cohorts import MANIFEST


def manifest(dimensions: int = 3, per_class: int = 3) -> pd.DataFrame:
    rows = [
        (f"{label}{n}", f"{label}{n}", label, f"v{label}{n}" if dimensions == 3 else None, None, None, None, "f", None)
        for label in "AB"
        for n in range(per_class)
    ]
    return pd.DataFrame(rows, columns=MANIFEST.column_names)


def upright(n: int) -> np.ndarray:
    """Volumes that are bright at the top of the head (the end of D) and in front (the start of H)."""
    volumes = np.zeros((n, 8, 10, 12, 2), np.float16)
    volumes[:, -2:, :, :, 0] = 0.9
    volumes[:, :, :2, :, 1] = 0.6
    return volumes


def test_planes_lie_as_their_letters_say() -> None:
    info = {"dimensions": 3, "modalities": ["flair", "t2"]}
    images = np.zeros((6, 10, 12, 3), np.uint8)
    panels = module._panels(manifest(), info, images, upright(6), 4)
    assert [title for title, _, _ in panels] == ["flair", "t2", "flair, coronal", "flair, sagittal"]
    assert [marks for _, _, marks in panels] == ["APLR", "APLR", "SILR", "SIAP"]
    assert panels[1][1][0].mean() > panels[1][1][-1].mean()  # anterior at the top
    for _, picture, _ in panels[2:]:
        assert picture[0].mean() > 0.8  # superior at the top
        assert picture[-1].mean() == 0


@pytest.mark.parametrize(
    ("letter", "titles", "marks"),
    [
        ("y", ["flair", "t2", "flair, axial", "flair, sagittal"], ["SILR", "SILR", "APLR", "APSI"]),
        ("x", ["flair", "t2", "flair, axial", "flair, coronal"], ["SIAP", "SIAP", "RLAP", "RLSI"]),
    ],
)
def test_volumes_of_other_slices_have_their_own_letters(letter: str, titles: list[str], marks: list[str]) -> None:
    info = {"dimensions": 3, "modalities": ["flair", "t2"]}
    slices = manifest().assign(image_id=[f"v{number}_{letter}012" for number in range(6)])
    panels = module._panels(slices, info, np.zeros((6, 10, 12, 3), np.uint8), upright(6), 4)
    assert [title for title, _, _ in panels] == titles
    assert [letters for _, _, letters in panels] == marks


def test_a_sheet_of_volumes_and_one_of_images() -> None:
    images = np.random.default_rng(0).integers(0, 255, (6, 10, 12, 3), dtype=np.uint8)
    sizes = []
    for info, volumes in (
        ({"dimensions": 3, "modalities": ["flair", "t2"]}, upright(6)),
        ({"dimensions": 2, "modalities": []}, None),
    ):
        uri = preview(manifest(info["dimensions"]), info, images, volumes)
        assert uri is not None
        with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
            sizes.append(picture.size)
    assert sizes[0][0] > sizes[1][0] > 300  # four columns, and three of red, green and blue
    assert uri == preview(manifest(2), {"dimensions": 2, "modalities": []}, images, None)


def test_grey_images_need_one_column() -> None:
    grey = np.repeat(np.random.default_rng(0).integers(0, 255, (6, 10, 12, 1), dtype=np.uint8), 3, axis=3)
    assert [title for title, _, _ in module._panels(manifest(2), {"modalities": []}, grey, None, 0)] == ["grey"]


def test_nothing_to_show() -> None:
    assert preview(manifest(), {}, None, None) is None
    assert preview(manifest().assign(label=None), {}, np.zeros((6, 4, 4, 3), np.uint8), None) is None
