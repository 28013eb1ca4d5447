"""Jobs that are forked from a process which has imported what they need."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sixgig.runtime.warm.starts import WARM, warm_starts

SOURCE = """
import sys
from pathlib import Path
before = "colorsys" in sys.modules
import sixgig_slow
if __name__ == "__main__":
    {work}
"""
#: A package that says each time when it is imported, and in which process.
SLOW = "import os\nfrom pathlib import Path\nopen(os.environ['SEEN'], 'a').write(f'{os.getpid()}\\n')\n"


class Script:
    """What Snakemake's `PythonScript` is to the one who starts it."""

    conda_env = container_img = env_modules = shadow_dir = bench_record = None
    is_local, threads = True, 1

    def __init__(self, folder, work, **resources):
        self.local_path = str(folder / "work.py")
        self.resources = resources
        self.cold = []
        Path(self.local_path).write_text(SOURCE.format(work=work))

    def execute_script(self, fname, edit=False):
        self.cold.append(fname)


@pytest.fixture
def starts(tmp_path, monkeypatch):
    monkeypatch.setattr("sixgig.runtime.warm.starts.PACKAGES", ("sixgig_slow", "colorsys"))
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "sixgig_slow.py").write_text(SLOW)
    with warm_starts(Script, lambda: False):
        yield tmp_path


def execute(script, edit=False):
    script.execute_script(script.local_path, edit)


def test_what_a_script_imports_is_imported_once_and_each_job_is_a_process_of_its_own(starts):
    script = Script(starts, "import os; open(os.environ['SEEN'] + '.jobs', 'a').write(f'{os.getpid()}\\n')")
    for _ in range(3):
        execute(script)
    jobs = (starts / "seen.jobs").read_text().split()
    seen = (starts / "seen").read_text().split()
    assert len(set(jobs)) == 3
    assert len(seen) == 1
    assert seen[0] not in jobs
    assert script.cold == []


def test_a_job_is_the_main_module_until_its_end_and_leaves_no_bytecode(starts):
    work = "import atexit, os; mine = 7; see = lambda: open(os.environ['SEEN'] + '.end', 'w').write("
    work += 'f\'{sys.modules["__main__"].mine} {sys.modules["__main__"].__spec__}\'); atexit.register(see)'
    execute(Script(starts, work))
    assert (starts / "seen.end").read_text() == "7 None"
    assert not list(starts.glob("**/work*.pyc"))


def test_what_a_job_imports_later_is_there_for_the_next(starts):
    script = Script(starts, "import colorsys; Path('seen.before').open('a').write(f'{before}\\n')")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(starts)
        for _ in range(2):
            execute(script)
    assert (starts / "seen.before").read_text().split() == ["False", "True"]


def test_a_job_has_the_variables_and_the_start_that_snakemake_gives_it(starts):
    work = "import os; Path(os.environ['SEEN'] + '.own').write_text(' '.join([os.environ['OMP_NUM_THREADS'], "
    work += "os.environ['TMPDIR'], os.environ['NEW'], *sys.argv, *sys.orig_argv, __file__]))"
    script = Script(starts, work, tmpdir="/somewhere")
    execute(Script(starts, "pass"))  # the process is there already when a variable is set
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEW", "set")
        Path(script.local_path).write_text(SOURCE.format(work=work))
        execute(script)
    file = script.local_path
    assert (starts / "seen.own").read_text().split() == ["1", "/somewhere", "set", file, sys.executable, file, file]


@pytest.mark.parametrize(
    ("work", "code"), [("sys.exit(3)", 3), ("raise ValueError", 1), ("import os; os.kill(os.getpid(), 9)", -9)]
)
def test_a_job_that_fails_has_its_exit_code(starts, work, code, capfd):
    with pytest.raises(subprocess.CalledProcessError) as failed:
        execute(Script(starts, work))
    assert failed.value.returncode == code
    assert ("ValueError" in capfd.readouterr().err) == (code == 1)


@pytest.mark.parametrize("given", [{"threads": 4}, {"conda_env": "x"}, {"container_img": "x"}, {"is_local": False}])
def test_other_jobs_start_as_snakemake_starts_them(starts, given):
    script = Script(starts, "pass")
    vars(script).update(given)
    execute(script)
    assert script.cold == [script.local_path]


def test_a_job_for_the_card_starts_afresh_where_there_is_a_card(tmp_path):
    script = Script(tmp_path, "pass", gpu=1)
    with warm_starts(Script, lambda: True):
        execute(script)
    assert script.cold == [script.local_path]


def test_nothing_is_kept_warm_when_the_user_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv(WARM, "0")
    script = Script(tmp_path, "pass")
    with warm_starts(Script, lambda: False):
        execute(script)
    assert script.cold == [script.local_path]


def test_signals_reach_a_job_and_leave_the_process_that_it_is_forked_from(starts):
    script = Script(starts, "import os, signal; os.kill(os.getppid(), signal.SIGTERM); os.kill(os.getpid(), 15)")
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError) as failed:
            execute(script)
        assert failed.value.returncode == -signal.SIGTERM
    assert script.cold == []


def test_without_the_process_jobs_start_afresh_and_that_is_said(starts, capfd):
    script = Script(starts, "import os; Path(os.environ['SEEN'] + '.parent').write_text(str(os.getppid()))")
    execute(script)
    os.kill(int((starts / "seen.parent").read_text()), signal.SIGKILL)
    execute(script)
    execute(script)
    assert script.cold == [script.local_path] * 2
    assert capfd.readouterr().err.count("has ended: each job now starts by itself") == 1


def test_the_process_ends_with_the_one_that_started_it(tmp_path):
    code = f"""
import os
from types import SimpleNamespace as S
from sixgig.runtime.warm.starts import warm_starts
class Script:
    conda_env = container_img = env_modules = shadow_dir = bench_record = None
    is_local, threads, resources, local_path = True, 1, {{}}, {str(tmp_path / "work.py")!r}
    def execute_script(self, fname, edit=False): raise SystemExit("cold")
with warm_starts(Script, lambda: False):
    Script().execute_script(Script.local_path)
    os.kill(os.getpid(), 9)
"""
    (tmp_path / "work.py").write_text(f"import os; open({str(tmp_path / 'parent')!r}, 'w').write(str(os.getppid()))")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    server = int((tmp_path / "parent").read_text())
    deadline = time.monotonic() + 30
    while Path(f"/proc/{server}/stat").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{server}/stat").exists() or "Z" in Path(f"/proc/{server}/stat").read_text().split()
