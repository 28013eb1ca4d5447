from __future__ import annotations

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sixgig.reporting import contact_sheet
from sixgig.tables.cohorts import MANIFEST


@pytest.fixture
def manifest() -> pd.DataFrame:
    rows = [
        (f"{subject}-{s}", subject, label, "v", None, s, 0, "f", None)
        for subject, label in [("b1", "B"), ("a1", "A"), ("a2", "A"), ("u1", None)]
        for s in range(3)
    ]
    return pd.DataFrame(rows, columns=MANIFEST.column_names)


def decode(uri: str) -> Image.Image:
    head, _, body = uri.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_the_middle_image_of_each_subject_is_chosen(manifest):
    assert contact_sheet.examples(manifest) == {"A": [4, 7], "B": [1]}
    assert contact_sheet.examples(manifest, per_class=1) == {"A": [4], "B": [1]}


def test_strips_hold_the_chosen_images(manifest):
    images = np.zeros((12, 20, 20, 3), np.uint8)
    images[4], images[7] = 200, 90
    first, second = contact_sheet.strips(manifest, images)
    assert (first.label, first.n_images, second.label) == ("A", 2, "B")
    sheet = decode(first.uri)
    assert sheet.mode == "L"
    assert sheet.size == (2 * 96 + 4, 96)
    assert [sheet.getpixel((48, 48)), sheet.getpixel((148, 48))] == [200, 90]


def test_colours_survive(manifest):
    images = np.zeros((12, 20, 20, 3), np.uint8)
    images[1, ..., 0] = 255
    assert decode(contact_sheet.strips(manifest, images)[1].uri).getpixel((48, 48)) == (255, 0, 0)


def test_no_images_no_strips(manifest):
    assert contact_sheet.strips(manifest, None) == []
