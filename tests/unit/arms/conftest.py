"""A cohort of ten small images, which tests of arms share."""

import numpy as np
import pandas as pd
import pytest

from sixgig.tables.cohorts import MANIFEST

#: Side of the images in pixels.
SIZE = 32


@pytest.fixture
def cohort(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "cohorts" / "tiny"
    folder.mkdir(parents=True)
    images = rng.integers(0, 256, (10, SIZE, SIZE, 3), dtype=np.uint8)
    np.save(folder / "images.npy", images)
    table = pd.DataFrame(
        {
            "image_id": [f"i{row}" for row in range(10)],
            "subject_id": [f"s{row // 2}" for row in range(10)],
            "label": "x",
            "volume_id": None,
            "frame": None,
            "slice": None,
            "partition": None,
            "source": "f",
        }
    )
    MANIFEST.write(table, folder / "manifest.csv")
    return folder
