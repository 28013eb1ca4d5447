import re
import stat
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


@pytest.mark.parametrize(
    "ending",
    [
        "raise RuntimeError(address)",
        "try:\n    raise OSError(address)\nexcept OSError as error:\n"
        "    raise CohortError(address, f'cannot be fetched: {error}', 'run again') from error",
        "import logging, warnings\nlogging.warning('%s', address)\nwarnings.warn(address)\nprint(address)",
    ],
)
def test_no_secret_reaches_log_or_terminal(tmp_path, monkeypatch, ending):
    monkeypatch.setenv("HF_TOKEN", "t0k3n-value")
    code = (
        "import os\nfrom sixgig.errors import CohortError\n"
        "address = 'https://ana:s3cr3t@host/x?token=q1w2e3 ' + os.environ['HF_TOKEN']\n" + ending
    )
    result, log = run(code, tmp_path)
    text = result.stdout + result.stderr + log
    assert "https://***@host/x" in text
    # The traceback quotes lines of source code; what stands there is in no message.
    said = "\n".join(line for line in text.splitlines() if "address = " not in line)
    assert not [secret for secret in ("s3cr3t", "q1w2e3", "t0k3n-value") if secret in said]


def test_nothing_a_job_makes_can_be_written_by_everybody(tmp_path):
    code = (
        "import pathlib, subprocess\nfrom sixgig.runtime.atomic import write_text\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "write_text(folder / 'table.csv', 'a')\n(folder / 'plain').write_text('b')\n(folder / 'made').mkdir()\n"
        "subprocess.run(['touch', str(folder / 'child')])"
    )
    text = f"import os; os.umask(0)\nfrom sixgig.runtime.jobs import job\nwith job({str(tmp_path / 'job.log')!r}):\n"
    text += "".join(f"    {line}\n" for line in code.splitlines())
    subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=True)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"job.log": 0o664, "table.csv": 0o664, "plain": 0o664, "made": 0o775, "child": 0o664}
