import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def run(code, tmp_path):
    text = f"from sixgig.runtime.jobs import job\nwith job({str(tmp_path / 'job.log')!r}):\n" + "".join(
        f"    {line}\n" for line in code.splitlines()
    )
    result = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, cwd=ROOT, check=False)
    return result, (tmp_path / "job.log").read_text()


def test_python_and_c_output_land_in_the_log(tmp_path):
    code = (
        "import os, subprocess\nprint('from python', flush=True)\n"
        "os.write(2, b'from C')\nsubprocess.run(['echo', 'child'])"
    )
    result, log = run(code, tmp_path)
    assert result.returncode == 0
    assert result.stdout == ""
    assert re.fullmatch(r"\[\S+ job\] done in \d+\.\d s\n", result.stderr)
    assert all(text in log for text in ("from python", "from C", "child", "done in"))


def test_known_errors_reach_the_terminal_without_traceback(tmp_path):
    code = "from sixgig.errors import CohortError\nraise CohortError('scan.nii', 'is empty', 'copy it again')"
    result, log = run(code, tmp_path)
    assert result.returncode == 1
    assert "CohortError: scan.nii: is empty\n  Next step: copy it again" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in log


def test_unknown_errors_name_the_log(tmp_path):
    result, log = run("raise KeyError('x')", tmp_path)
    assert result.returncode == 1
    assert f"The traceback is in {tmp_path / 'job.log'}" in result.stderr
    assert "KeyError" in log


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_progress_reaches_log_and_terminal(tmp_path, seconds):
    code = (
        "import time\nfrom sixgig.runtime import progress\n"
        f"progress._TERMINAL_SECONDS = {seconds}\n"
        "with progress.Progress('encode elpv', 4, 'images', lambda: 'RAM 9 MiB') as bar:\n"
        "    for _ in range(4):\n        time.sleep(0.01)\n        bar.advance()"
    )
    result, log = run(code, tmp_path)
    assert result.returncode == 0
    assert ("[encode elpv] 2 of 4 images" in result.stderr) == (seconds == 0.0)
    assert "4/4" in log
