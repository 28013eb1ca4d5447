"""The report says how many subjects have a class, and how many ids of a table of labels have no subject."""

import shutil
from pathlib import Path

from sixgig.reporting import cohorts
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json, write_json


def test_labelled_unlabelled_and_unmatched(drawn_study, tmp_path):
    folder = Path(shutil.copytree(drawn_study, tmp_path / "fake"))
    path = folder / "cohorts/brats_phantom/cohort.json"
    facts = read_json(path)
    write_json(path, facts | {"n_subjects": 1240, "n_unlabelled": 40, "n_unmatched": 3})
    shown = dict(cohorts.describe(Study(folder), "brats_phantom").facts)
    assert shown["Labels"] == "1,200 subjects with a class, 40 without; 3 of the table are not in the cohort"
    write_json(path, facts | {"n_unlabelled": 0, "n_unmatched": 0})
    assert "Labels" not in dict(cohorts.describe(Study(folder), "brats_phantom").facts)
