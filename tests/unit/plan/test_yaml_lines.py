"""Reading YAML with lines: values as YAML has them, and messages that name the line of what is no YAML."""

import re

import pytest

from sixgig.errors import ConfigError
from sixgig.plan.yaml_lines import read_file, read_text


def test_values_lines_and_spellings():
    found = read_text("a: 1\nb:\n  c: 007\n  d: [yes, 1.0, '2', null]\nyes: x\n1: y\n", "study.yaml")
    assert found.config == {"a": 1, "b": {"c": 7, "d": [True, 1.0, "2", None]}, "yes": "x", "1": "y"}
    assert found.lines[("b", "c")] == 3
    assert found.lines[("b", "d", "1")] == 4
    assert found.lines[("1",)] == 6
    assert found.texts == {("a",): "1", ("b", "c"): "007", ("b", "d", "0"): "yes", ("b", "d", "1"): "1.0"}


def test_merged_mappings_are_what_yaml_makes_of_them():
    text = "x: &a {k: 1}\nz: &b\n  <<: *a\n  k: 2\ny: *b\nw: {<<: *b, k: 3}\n"
    found = read_text(text, "study.yaml").config
    assert found == {"x": {"k": 1}, "z": {"k": 2}, "y": {"k": 2}, "w": {"k": 3}}


def test_a_day_that_does_not_exist_stays_text():
    assert read_text("a: 2024-02-31", "study.yaml").config == {"a": "2024-02-31"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", r"s.yaml:3: config key a: is there twice, first in line 1; .*\n.*keep one of the two"),
        ("a:\n  b: {c: 1, c: 2}", r"s.yaml:2: config key a.b.c: is there twice; .*\n.*keep one of the two"),
        ("a:\n\tb: 1", r"s.yaml:2: is indented with a tab.*\n  Next step: indent with spaces only"),
        ("a:\n  b: 1\n\tc: 2\n", r"s.yaml:3: is indented with a tab"),
        ("a:\n  - x\n\t- y\n", r"s.yaml:3: is indented with a tab"),
        ("a:\n  b: @x", r"s.yaml:2: is no YAML.*\n.*put the text in quotes"),
        ("a:\n  b:\tx", r"s.yaml:2: is no YAML.*\n.*replace the tab in this line by a space"),
        ('path: "C:\\data"', r"s.yaml:1: .*unknown escape.*\n.*write paths in single quotes"),
        ("a: b: c", r"s.yaml:1: .*mapping values.*\n.*put a text that holds a colon in quotes"),
        ("a: 1\nseed:3\n", r"s.yaml:2: .*could not find expected ':'.*\n.*a colon and a space"),
        ("a:\n  b: 1\n c: 2", r"s.yaml:3: .*\n.*begin in the same column"),
        ("a: [1, 2\nb: 3", r"s.yaml:2: .*\n.*close the bracket"),
        ("a: 'x", r"s.yaml:1: .*\n.*close the quote"),
        ("a: *b", r"s.yaml:1: .*undefined alias"),
        ("---\na: 1\n---\nb: 2", r"s.yaml:3: .*\n.*one study in a file"),
        ("a: &x {b: *x}", r"s.yaml:1: holds an alias of itself"),
        ("[a]: 2", r"s.yaml:1: has a key that is no text"),
        ("a: !!python/object:os.system x", r"s.yaml:1: is no YAML"),
        ("a:\n \xa0b: 1", r"s.yaml:2: the key b begins with no-break space\n.*ordinary spaces"),
        ("# nothing\n", r"s.yaml: holds no keys"),
    ],
)
def test_what_is_no_yaml_is_named_with_its_line(text, message):
    with pytest.raises(ConfigError, match=message):
        read_text(text, "s.yaml")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"- a\n", "holds no keys"),
        (b"text", "holds no keys"),
        (b"a: 1\nb: \xff\n", ":2: is no UTF-8 text\n  Next step: save the file as UTF-8"),
        ("a: 1\n".encode("utf-16"), "is no UTF-8 text"),
        (None, "cannot be read: No such file"),
    ],
)
def test_files_that_are_no_study(tmp_path, data, message):
    file = tmp_path / "study.yaml"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        read_file(file)


def test_byte_order_mark_line_ends_and_json(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: x\r\n")
    assert read_file(file).config == {"a": 1, "b": {"c": "x"}}
    file.write_text('{\n\t"a": 1,\n\t"b": {"c": "x\\ty", "d": 1e-4}\n}')
    found = read_file(file)
    assert found.config["b"]["c"] == "x\ty"
    assert found.lines[("b",)] == 3
    file.write_text('{"a": 1,\n "a": 2}')
    with pytest.raises(ConfigError, match=re.escape("study.yaml:2: config key a: is there twice, first in line 1")):
        read_file(file)
