"""Text where a text is wanted, numbers where a number is wanted."""

import pytest
import yaml

from sixgig.errors import ConfigError
from sixgig.plan.schema import load_schema
from sixgig.plan.spelling import as_meant
from sixgig.plan.yaml_lines import read_text


def meant(text):
    written = read_text(text, "study.yaml")
    return as_meant(written.config, load_schema(), written.texts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("study: 007", {"study": "007"}),
        ("study: 2024-01-31", {"study": "2024-01-31"}),
        ("language: no", {"language": "no"}),
        ("cohorts: {c: {positive: 1}}", {"cohorts": {"c": {"positive": "1"}}}),
        ("cohorts: {c: {positive: 1.10}}", {"cohorts": {"c": {"positive": "1.10"}}}),
        ("cohorts: {c: {positive: ~}}", {"cohorts": {"c": {"positive": None}}}),
        ("cohorts: {c: {modalities: [1, off]}}", {"cohorts": {"c": {"modalities": ["1", "off"]}}}),
        (
            "cohorts: {c: {classes: {yes: [1, 007], 2: [no, 2020-02-02]}}}",
            {"cohorts": {"c": {"classes": {"yes": ["1", "007"], "2": ["no", "2020-02-02"]}}}},
        ),
        (
            "weights: {w: {source: {wheel: {version: 1.10}}}}",
            {"weights": {"w": {"source": {"wheel": {"version": "1.10"}}}}},
        ),
        ("evaluation: {alpha: 1e-2, rope: 5, folds: 4.0}", {"evaluation": {"alpha": 0.01, "rope": 5, "folds": 4}}),
        ("evaluation: {folds: '4', bootstrap_samples: 1e3}", {"evaluation": {"folds": 4, "bootstrap_samples": 1000}}),
        ("evaluation: {folds: four, alpha: 0,5}", {"evaluation": {"folds": "four", "alpha": 0, "5": None}}),
        ("tracking: {mlflow: off}", {"tracking": {"mlflow": False}}),
        ("seed: 1_000", {"seed": 1000}),
    ],
)
def test_values_are_what_the_schema_wants(text, expected):
    found = meant(text)
    assert found == expected
    assert str(found) == str(expected)  # 4 and 4.0, True and 1 are equal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 010", "config key seed: is written 010, which YAML reads as 8\n.*without leading zeros"),
        ("cohorts: {c: {limit: 1:30}}", "cohorts.c.limit: is written 1:30, which YAML reads as 90"),
        ("evaluation: {rope: .nan}", "evaluation.rope: is nan\n.*finite"),
        ("evaluation: {alpha: 1e999}", "evaluation.alpha: is inf"),
    ],
)
def test_numbers_that_yaml_reads_otherwise_are_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        meant(text)


def test_the_default_study_is_what_yaml_reads(tmp_path):
    from sixgig.runtime.places import WORKFLOW

    for file in ("config.yaml", "laptop.yaml", "medmnist.yaml"):
        text = (WORKFLOW / "config" / file).read_text(encoding="utf-8")
        assert str(meant(text)) == str(yaml.safe_load(text))
