"""Study files and the command line merged as Snakemake does, and the place of every key in messages."""

import pytest

from sixgig.errors import CohortError, ConfigError, WeightsError
from sixgig.plan.study_file import read_study

STUDY = """\
study: x
seed: 3
cohorts:
  c:
    adapter: table
    columns: {label: grade}
    positive: 1
weights:
  vit.v1:
    model: vit_tiny
evaluation:
  folds: 5
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


def test_files_and_command_line_are_merged_in_order(study, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("seed: 4\nevaluation: {repeats: 2}\ncohorts: {d: {adapter: acdc}}\n")
    found = read_study(
        [study, other], ["evaluation={folds: 4, alpha: 1e-2}", "cohorts={c: {positive: 007}}", "title='A: b'"]
    )
    assert found.config["seed"] == 4
    assert found.config["evaluation"] == {"folds": 4, "repeats": 2, "alpha": 0.01}
    assert list(found.config["cohorts"]) == ["c", "d"]
    assert found.config["cohorts"]["c"] == {"adapter": "table", "columns": {"label": "grade"}, "positive": "007"}
    assert found.config["title"] == "A: b"
    assert found.where("evaluation.folds") == "--config evaluation: evaluation.folds"
    assert found.where("evaluation.repeats") == "other.yaml:2: evaluation.repeats"
    assert found.where("cohorts.c.adapter") == "study.yaml:5: cohorts.c.adapter"


def test_what_is_replaced_loses_its_lines_and_spellings(study, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("cohorts: {c: {columns: all, positive: b}}\n")
    found = read_study([study, other])
    assert found.config["cohorts"]["c"]["positive"] == "b"
    assert found.where("cohorts.c.columns.label").startswith("other.yaml:1")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("seed=7", 7),
        ("seed=", None),
        ("seed='7'", 7),
        ("evaluation={folds: 4", "{folds: 4"),  # no YAML: a text, which the schema refuses
        ("study=007", "007"),
        ("title=[draft] x", "[draft] x"),
        ("title=a: b", "a: b"),
        ("tracking={mlflow: false}", {"mlflow": False}),
    ],
)
def test_values_of_the_command_line(entry, expected):
    found = read_study([], [entry]).config[entry.partition("=")[0]]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("4}", r"--config 4}: is no key=value\n.*quote it"),
        ("evaluation={folds: 4, folds: 5}", r"--config evaluation: config key folds: is there twice"),
        ("seed=010", r"--config seed: config key seed: is written 010"),
    ],
)
def test_mistakes_of_the_command_line(entry, message):
    with pytest.raises(ConfigError, match=message):
        read_study([], [entry])


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("config key cohorts.c.positive", "study.yaml:7: config key cohorts.c.positive"),
        ("cohorts.c.positive", "study.yaml:7: config key cohorts.c.positive"),
        ("cohorts.c.modalities", "study.yaml:4: config key cohorts.c.modalities"),  # absent: its section
        ("weights.vit.v1.model", "study.yaml:10: config key weights.vit.v1.model"),  # a name with a dot
        ("evaluation.repeats", "study.yaml:11: config key evaluation.repeats"),
        ("config key arms", "study.yaml: config key arms"),
        ("config key (top level)", "study.yaml: config key (top level)"),
        ("study.yaml", "study.yaml"),  # a file, not the key `study`
        ("seed.csv", "seed.csv"),
        ("/data/labels.csv", "/data/labels.csv"),
        ("class 'HGG'", "class 'HGG'"),
    ],
)
def test_errors_get_the_line_of_their_key(study, place, expected):
    with pytest.raises(WeightsError) as caught, read_study([study]).locating():
        raise WeightsError(place, "is wrong", "correct it")
    assert str(caught.value) == f"{expected}: is wrong\n  Next step: correct it"


def test_an_error_is_located_once(study):
    found = read_study([study])
    with pytest.raises(CohortError) as caught, found.locating(), found.locating():
        raise CohortError("seed", "is odd", "change it")
    assert caught.value.place == "study.yaml:2: config key seed"


def test_values_are_found_below_a_section(study):
    found = read_study([study])
    assert found.where_value("cohorts.c", "grade") == "study.yaml:6: config key cohorts.c.columns.label"
    assert found.where_value("cohorts.c", "label") is None


def test_files_that_snakemake_evaluates_keep_what_it_made_of_them(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text("__use_yte__: true\nseed: ?1 + 1\nstudy: x\n")
    found = read_study([file], ["evaluation={folds: 4}"], {"seed": 2, "study": "x", "evaluation": {"folds": "4"}})
    assert found.config == {"seed": 2, "study": "x", "evaluation": {"folds": 4}}
    assert found.where("seed").endswith("study.yaml:2: seed")
