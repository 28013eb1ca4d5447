"""The GPU in the report: a table and small curves of the jobs that ran on one."""

import json
import shutil

import pytest

from sixgig.reporting import card
from sixgig.reporting.page import render
from sixgig.results.study import Study
from sixgig.words.language import speaking

SERIES = {"seconds": [0.0, 60.0, 120.0], "memory_mb": [400.0, 2400.0, 2300.0], "temperature": [60.0, None, 81.0]}
WATCHED = {
    "monitor": "nvml",
    "card_memory_peak_mb": 2400.0,
    "temperature_peak_celsius": 81.0,
    "seconds_paused": 75.0,
    "series": SERIES,
}


@pytest.fixture(scope="module")
def study(drawn_study, tmp_path_factory):
    """The fake study, with an encoding and a training that ran on a card."""
    folder = tmp_path_factory.mktemp("card") / "fake"
    shutil.copytree(drawn_study, folder)

    def change(path, edit):
        content = json.loads(path.read_text())
        edit(content)
        path.write_text(json.dumps(content))

    change(folder / "features/elpv/vit_pure.json", lambda sidecar: sidecar.update(gpu=WATCHED))
    unwatched = {"monitor": "gputil", "problem": "not watched by gputil: no card"}
    change(folder / "pretraining/acdc_phantom/vit_mim.json", lambda found: found["pretraining"].update(gpu=unwatched))
    return Study(folder)


def test_every_job_on_a_card_has_a_row(study):
    rows = [[cell.text for cell in row] for row in card.card(study).rows]
    assert rows == [
        ["elpv", "Pure ViT", "encode", "2,400 MiB", "n/a", "81 °C", "n/a", "1 min 15 s", "nvml"],
        ["acdc_phantom", "MIM ViT", "pretrain", "n/a", "n/a", "n/a", "n/a", "none", "not watched by gputil: no card"],
    ]


def test_curves_show_what_the_card_told(study):
    (course,) = card.courses(study)
    assert course.title == "elpv, Pure ViT, encode: 2 min 00 s"
    assert [name for name, _ in course.curves] == ["memory of the card, 400 to 2400 MiB", "temperature, 60 to 81 °C"]
    memory, temperature = (str(drawing) for _, drawing in course.curves)
    assert 'd="M3.0 34.7L110.0 3.0L217.0 4.6"' in memory  # from 0 to the largest value
    assert 'd="M3.0 19.3M217.0 7.9"' in temperature  # from 20 to 90 degrees; a gap, and no line over it


def test_the_page_has_them_and_a_study_on_a_cpu_has_not(study, drawn_study):
    page = render(study)
    assert "What the GPU showed while jobs ran on it" in page
    assert "temperature, 60 to 81 °C" in page
    assert "What the GPU showed" not in render(Study(drawn_study))
    with speaking("pt-BR"):
        assert card.courses(study)[0].curves[0][0] == "memória da placa, de 400 a 2400 MiB"
