"""Names that a study file gives: those that no file, table or command could carry are refused, with what to do."""

import copy

import pytest
import yaml

from sixgig.errors import ConfigError
from sixgig.plan.config import complete
from sixgig.plan.opening import open_plan
from sixgig.runtime.schema import validate

STUDY = {
    "study": "x",
    "cohorts": {"c": {"adapter": "acdc", "source": {"phantom": {"kind": "acdc", "subjects": 20}}}},
    "weights": {"w": {"source": {"hub": {}}, "converter": "timm", "model": "resnet50.a1_in1k"}},
    "arms": {"baseline_cnn": {"weights": "w"}},
    "controls": {"random_vit": False},
}
#: What would leave a folder, end a command, begin an option or be two lines.
DANGEROUS = (
    "a\n",
    "a b",
    "a'b",
    'a"b',
    "$(touch x)",
    "`id`",
    "a\nb",
    "-rf",
    "../x",
    "a/b",
    "",
    "{x}",
    "a*",
    "a;b",
    "é",
)
SECTIONS = ("study", "cohorts", "weights", "arms")


def named(section, name):
    study = copy.deepcopy(STUDY)
    if section == "study":
        return study | {"study": name}
    ((_, entry),) = study[section].items()
    study[section] = {name: entry}
    if section == "weights":
        study["arms"]["baseline_cnn"]["weights"] = "null" if name is None else name
    return study


def refusal(study, folder, monkeypatch):
    """What is said about a study that comes from a file, and about the same one given by a program."""
    monkeypatch.chdir(folder)
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    with pytest.raises(ConfigError) as by_program:
        complete(study)
    with pytest.raises(ConfigError) as by_file:
        open_plan([folder / "study.yaml"])
    assert by_file.value.place.startswith("study.yaml:")
    for error in (by_program.value, by_file.value):
        assert "\n" not in error.place
        assert error.next_step
    return by_file.value


@pytest.mark.parametrize("name", DANGEROUS)
@pytest.mark.parametrize("section", SECTIONS)
def test_dangerous_names_are_refused(section, name, tmp_path, monkeypatch):
    assert f"config key {section}" in refusal(named(section, name), tmp_path, monkeypatch).place


def test_a_line_break_at_the_end_is_named(tmp_path, monkeypatch):
    error = refusal(named("study", "a\n"), tmp_path, monkeypatch)
    assert error.reason.startswith(r"'a\n' does not match")
    assert error.next_step.startswith("write a, without spaces and line breaks around it")


@pytest.mark.parametrize(
    ("section", "name", "proposed"),
    [("cohorts", "1", "name_1"), ("cohorts", None, "name_null"), ("cohorts", "my data (2)", "my_data_2"),
     ("weights", "7", "name_7"), ("study", "$(touch x)", "touch_x"), ("study", "../x", "x"), ("study", "", "name")],
)  # fmt: skip
def test_another_name_is_proposed(section, name, proposed, tmp_path, monkeypatch):
    error = refusal(named(section, name), tmp_path, monkeypatch)
    assert error.next_step.startswith(f"choose another name, such as {proposed}. Meaning: ")
    if section != "weights":
        complete(named(section, proposed))


@pytest.mark.parametrize("section", ["study", "cohorts", "weights"])
def test_a_name_has_100_letters_at_most(section, tmp_path, monkeypatch):
    error = refusal(named(section, "a" * 240), tmp_path, monkeypatch)
    assert error.reason == "has 240 characters"
    assert "at most 100 characters: file names are made of it, which have 255 at most" in error.next_step
    complete(named(section, "a" * 100))
    with pytest.raises(ConfigError, match="has 101 characters"):
        complete(named(section, "a" * 101))


@pytest.mark.parametrize("name", [1, None, True, 1.5])
@pytest.mark.parametrize("section", ["cohorts", "weights", "arms"])
def test_keys_that_yaml_reads_as_no_text_are_refused(section, name, tmp_path, monkeypatch):
    key = "null" if name is None else str(name).lower()
    assert refusal(named(section, name), tmp_path, monkeypatch).place.endswith(f"config key {section}.{key}")


def test_a_key_that_is_no_text_is_refused_wherever_it_stands():
    with pytest.raises(ConfigError, match="config key a.1: is no text but 1, and a key is a name"):
        validate({"a": {1: 2}}, {"type": "object"})
    with pytest.raises(ConfigError, match="config key None: is nothing, and a key is a name"):
        validate({None: 2}, {"type": "object"})


def test_the_end_of_a_pattern_is_the_end_of_the_text():
    schema = {"type": "object", "additionalProperties": {"type": "string", "pattern": "^(a|b$)|^c$"}}
    validate({"x": "ab", "y": "b", "z": "c"}, schema)
    for wrong in ("b\n", "c\n"):
        with pytest.raises(ConfigError, match="does not match"):
            validate({"x": wrong}, schema)


def test_ordinary_names_stay_as_they_are():
    study = named("weights", "v1.2-base_16")
    study["cohorts"] = {"acdc_2017": STUDY["cohorts"]["c"]}
    assert list(complete(study)["cohorts"]) == ["acdc_2017"]
