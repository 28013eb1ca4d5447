from pathlib import Path

import pytest

from sixgig.runtime.inputs import by_key


def test_files_are_joined_with_what_they_belong_to():
    assert by_key([["c", "a"], ("c", "b")], ["x.csv", "y.csv"]) == {
        ("c", "a"): Path("x.csv"),
        ("c", "b"): Path("y.csv"),
    }
    with pytest.raises(ValueError, match="shorter"):
        by_key([("c", "a"), ("c", "b")], ["x.csv"])
