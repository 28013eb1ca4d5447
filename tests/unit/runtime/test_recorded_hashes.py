import hashlib
import subprocess
from pathlib import Path

import pytest

from sixgig.errors import TableError
from sixgig.runtime.recorded_hashes import OUTPUTS, read_hashes, write_hashes


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "results" / "tiny"
    (folder / "cohorts").mkdir(parents=True)
    (folder / "summary.csv").write_text("one")
    (folder / "cohorts" / "splits.csv").write_text("two")
    return folder


def write(study: Path) -> None:
    files = [study / "summary.csv", study / "cohorts" / "splits.csv", study / "summary.csv"]
    write_hashes(study, files, study.parent / ".sha256.json")


def test_every_file_stands_once_sorted_and_the_sha256sum_program_agrees(study: Path) -> None:
    write(study)
    one, two = (hashlib.sha256(text).hexdigest() for text in (b"one", b"two"))
    assert (study / OUTPUTS).read_text() == f"{two}  cohorts/splits.csv\n{one}  summary.csv\n"
    assert read_hashes(study) == {"cohorts/splits.csv": two, "summary.csv": one}
    subprocess.run(["sha256sum", "-c", "--strict", OUTPUTS], cwd=study, check=True, capture_output=True)


def test_a_file_that_did_not_change_is_not_read_again(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(study)
    before = (study / OUTPUTS).read_bytes()
    monkeypatch.setattr("sixgig.runtime.known_digests.file_sha256", lambda path: pytest.fail(f"{path} was read"))
    write(study)
    assert (study / OUTPUTS).read_bytes() == before


def test_a_study_without_a_list_has_no_hashes(study: Path) -> None:
    assert read_hashes(study) == {}


@pytest.mark.parametrize(
    "line", ["0" * 64 + " one space", "0" * 63 + "  a", "G" * 64 + "  a", "0" * 64 + "  ../a", "0" * 64 + "  /a", ""]
)
def test_a_line_of_another_kind_is_refused_with_its_number(study: Path, line: str) -> None:
    (study / OUTPUTS).write_text(f"{'0' * 64}  a\n{line}\n")
    with pytest.raises(TableError, match="line 2 is not a sha256 and a path"):
        read_hashes(study)
