"""One process at a time, the next one when the first has ended."""

import subprocess
import sys
from pathlib import Path

import pytest

from sixgig.runtime.locks import locked

HOLDER = """
import sys, time
from pathlib import Path
from sixgig.runtime.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_one_is_told_and_waits_until_the_first_was_killed(tmp_path):
    path, told = tmp_path / "a.lock", []
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, cwd=root) as holder:
        assert holder.stdout.readline() == b"held\n"

        def tell(seconds):
            told.append(seconds)
            holder.kill()

        with locked(path, tell):
            assert len(told) == 1
        with locked(path, tell):  # free again behind the block
            assert len(told) == 1


def test_a_missing_folder_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError), locked(tmp_path / "none" / "a.lock"):
        pass
