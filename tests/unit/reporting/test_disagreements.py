"""Cases that methods disagree on: chosen by what the methods said, named and pictured as the study does."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sixgig.reporting import disagreements
from sixgig.results.study import Method, Study
from sixgig.words.showing import showing
from tests.unit.reporting.fake_study import write_fake_study

COHORT = "elpv"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study(write_fake_study(tmp_path_factory.mktemp("cases") / "fake", cohorts=(COHORT,)))


def predictions(said):
    """Two repeats of four subjects of class x, with what was said of each in either repeat."""
    rows = [
        (f"s{number}", repeat, 0, "x", word[repeat], float(word[repeat] == "x"), float(word[repeat] == "y"))
        for repeat in range(2)
        for number, word in enumerate(said)
    ]
    names = ["subject_id", "repeat", "fold", "label", "predicted", "score_x", "score_y"]
    return pd.DataFrame(rows, columns=names)


def chosen(study, monkeypatch, words):
    arms = ("baseline_cnn", "vit_pure", "vit_sparse")
    said = {Method(arm, "svm"): predictions(own) for arm, own in zip(arms, words, strict=False)}
    own = Study(study.folder)
    monkeypatch.setattr(disagreements, "_methods", lambda study, cohort: [*said])
    monkeypatch.setattr(own, "predictions", lambda cohort, method: said[method])
    with showing(own):
        return disagreements.cases(own, COHORT)


def test_cases_are_split_missed_or_agreed_on(study, monkeypatch):
    found = chosen(study, monkeypatch, [["xx", "xx", "yy", "xx"], ["xx", "yy", "yy", "xx"], ["xx", "yy", "yy", "yy"]])
    assert [case.unit for case in found.split] == ["s1", "s3"]
    assert [case.unit for case in found.missed] == ["s2"]
    assert [right for _, _, right in found.split[0].said] == [True, False, False]
    assert found.sentence == (
        "Of 4 subjects, the 3 methods (the best one of each arm) are all right about 1 and all wrong about 1; they "
        "disagree on 2."
    )


def test_a_class_that_half_of_the_repeats_name_is_decided_by_the_score(study, monkeypatch):
    first = predictions(["xy", "xx", "xx", "xx"])
    first.loc[0, ["score_x", "score_y"]] = [0.9, 0.1]
    first.loc[4, ["score_x", "score_y"]] = [0.4, 0.6]
    own = Study(study.folder)
    monkeypatch.setattr(own, "predictions", lambda cohort, method: first)
    assert disagreements._words(own, COHORT, Method("vit_pure", "svm")).loc["s0", "said"] == "x"


def test_one_arm_disagrees_with_nobody(study, monkeypatch):
    found = chosen(study, monkeypatch, [["xx", "xx", "yy", "xx"]])
    assert found.split == found.missed == []
    assert found.sentence.startswith("Fewer than two arms")


def test_cases_of_a_study_have_their_names_classes_and_pictures(study):
    with showing(study):
        found = disagreements.cases(study, COHORT)
    assert 0 < len(found.split) <= disagreements.MOST
    case, labels = found.split[0], study.manifest(COHORT).set_index("subject_id")["label"]
    assert case.label == labels[case.unit]
    picture = Image.open(io.BytesIO(base64.b64decode(case.uri.partition(",")[2])))
    row = study.manifest(COHORT)["subject_id"].tolist().index(case.unit)
    own = Image.fromarray(np.asarray(study.images(COHORT)[row])).resize((96, 96), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(own)[..., 0])


def test_only_the_best_method_of_an_arm_has_a_word_and_no_control(study):
    methods = disagreements._methods(study, COHORT)
    assert len({method.arm for method in methods}) == len(methods) == 3
    rows = study.estimates(COHORT)
    for method in methods:
        others = [row["estimate"] for other, row in rows.items() if other.arm == method.arm]
        assert rows[method]["estimate"] == max(others)
