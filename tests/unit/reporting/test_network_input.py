"""The report says what images networks were made for, and what they were given."""

import json
import shutil

from sixgig.reporting.network_input import network_input
from sixgig.results.study import Study


def test_deviations_are_bold_and_cohorts_stand_together(drawn_study, tmp_path):
    folder = tmp_path / "fake"
    shutil.copytree(drawn_study, folder)
    study = Study(folder)
    first, second = study.cohorts[:2]
    path = folder / "features" / second / "vit_pure.json"
    sidecar = json.loads(path.read_text())
    sidecar["input"]["given"] = {"size": [16, 64, 64], "filter": "triangle", "crop": 1.0}
    path.write_text(json.dumps(sidecar))
    rows = [[(cell.text, cell.strong) for cell in row] for row in network_input(Study(folder)).rows]
    by_arm = {}
    for row in rows:
        by_arm.setdefault(row[0][0], []).append(row[1:])
    (cnn,) = by_arm["Baseline CNN"]
    assert cnn == [
        (", ".join(study.cohorts), False),
        ("made for 224, given: 112", True),
        ("bicubic", False),
        ("made for 0.875, given: 1", True),
    ]
    images, volumes = by_arm["Pure ViT"]
    assert images[1:] == [("made for 518, given: 112", True), ("bicubic", False), ("1", False)]
    assert volumes == [
        (second, False),
        ("made for 518, given: 16 x 64 x 64", True),
        ("made for bicubic, given: triangle", True),
        ("1", False),
    ]
    assert first in images[0][0]
