"""The report says where a dictionary learned nothing, and where a search compared nothing."""

import json
import shutil

import pytest

from sixgig.reporting import dictionaries, searches
from sixgig.reporting.page import render
from sixgig.results.study import Study

LEARNED = {
    "atoms": 96,
    "learning_images": 115,
    "relative_error_learning": 0.06,
    "relative_error_others": 0.2904,
    "relative_error_random_atoms": 0.2919,
    "few_images": True,
    "beats_random_atoms": False,
}
EFFECT = {
    "parameters": {"n_nonzero": {"asked": [5, 10, 20], "used": [3, 4]}},
    "dimensions": [4, 5],
    "folds": 14,
    "of": 15,
    "candidates": 5,
    "compared": [3, 3],
    "reason": "because",
}


@pytest.fixture
def study(drawn_study, tmp_path):
    folder = tmp_path / "fake"
    shutil.copytree(drawn_study, folder)
    path = folder / "features" / "elpv" / "vit_sparse.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"learned": LEARNED}))
    (folder / "predictions" / "elpv" / "vit_sparse.src.json").write_text(json.dumps({"effect": EFFECT}))
    return Study(folder)


def test_random_atoms_stand_beside_the_error_of_a_dictionary(study):
    (row,) = dictionaries.dictionaries(study).rows
    assert [cell.text for cell in row] == ["elpv", "Sparse ViT", "96", "115", "0.060", "0.290", "0.292"]
    assert dictionaries.notes(study) == [
        "elpv, Sparse ViT: 96 atoms were learned from 115 images, which is too few to learn more than these images.",
        "elpv, Sparse ViT: learning did not beat chance on subjects that it did not learn from. The error is 0.290, "
        "and 0.292 with 96 random images as atoms.",
    ]


def test_a_dictionary_that_is_worth_something_has_no_note(study):
    path = study.folder / "features" / "elpv" / "vit_sparse.json"
    good = LEARNED | {"few_images": False, "beats_random_atoms": True}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"learned": good}))
    assert len(dictionaries.dictionaries(Study(study.folder)).rows) == 1
    assert dictionaries.notes(Study(study.folder)) == []


def test_searches_say_what_candidates_came_to(study):
    assert searches.notes(study) == [
        "elpv, Sparse ViT + SRC: n_nonzero 5, 10, 20 came to 3 to 4 in 14 of 15 folds, because the vectors have 4 to 5 "
        "dimensions there and more would reproduce every vector exactly. Of 5 candidates 3 differ; equal ones were "
        "dropped."
    ]


def test_all_of_it_stands_on_the_page(study):
    html = render(study)
    assert html.index('id="dictionary-table"') < html.index("learning did not beat chance")
    assert html.index('<details class="fold" id="trouble">') < html.index("n_nonzero 5, 10, 20 came to 3 to 4")


def test_studies_without_either_say_nothing(drawn_study):
    study = Study(drawn_study)
    assert dictionaries.dictionaries(study).rows == []
    assert searches.notes(study) == []
    assert "dictionary-table" not in render(study)
