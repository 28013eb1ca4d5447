import stat

import pytest

from sixgig.runtime.atomic import atomic_path, read_json, write_json, write_text


def test_file_appears_only_when_the_block_succeeds(tmp_path):
    target = tmp_path / "deep" / "table.csv"
    with atomic_path(target) as partial:
        partial.write_text("whole")
        assert not target.exists()
        assert partial.name.endswith("-table.csv")
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["table.csv"]


def test_failure_leaves_the_old_file_and_no_partial(tmp_path):
    target = tmp_path / "table.csv"
    write_text(target, "old")
    with pytest.raises(RuntimeError, match="broken"), atomic_path(target) as partial:
        partial.write_text("new")
        raise RuntimeError("broken")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_results_are_readable_by_others(tmp_path):
    write_text(tmp_path / "a", "x")
    ordinary = tmp_path / "b"
    ordinary.write_text("x")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


def test_json_is_the_same_bytes_for_the_same_content(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    write_json(tmp_path / "b.json", {"a": "é", "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": 1}
