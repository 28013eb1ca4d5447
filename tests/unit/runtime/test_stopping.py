import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sixgig.runtime.processes import OWNER, this_process

ROOT = Path(__file__).resolve().parents[3]
SAVING = """
    import signal, sys, time
    from sixgig.runtime import stopping
    stopping.obey_signals()
    with stopping.saving(lambda: print("told", flush=True)):
        print("works", flush=True)
        while not stopping.asked():
            time.sleep(0.01)
        print("saves", flush=True)
        stopping.leave_if_asked()
    print("goes on", flush=True)
"""


def python(code, **variables):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_work_is_saved_before_it_ends_and_the_code_names_the_signal(number):
    with python(SAVING) as process:
        assert process.stdout.readline() == "works\n"
        process.send_signal(number)
        assert process.stdout.read() == "told\nsaves\n"
    assert process.returncode == 128 + number


def test_a_second_signal_does_not_cut_the_saving_short():
    code = SAVING.replace('print("saves"', "[signal.raise_signal(15) for _ in range(2)]; print('saves'")
    with python(code) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        assert process.stdout.read() == "told\nsaves\n"
    assert process.returncode == 128 + signal.SIGHUP


def test_other_work_ends_at_once_and_cleans_up():
    code = """
        import time
        from sixgig.runtime.stopping import obey_signals
        obey_signals()
        try:
            print("works", flush=True)
            time.sleep(60)
        finally:
            print("cleans up", flush=True)
    """
    with python(code) as process:
        process.stdout.readline()
        process.terminate()
        assert process.stdout.read() == "cleans up\n"
    assert process.returncode == 143


def test_work_that_does_not_come_to_a_place_is_ended():
    code = SAVING.replace("stopping.obey_signals()", "stopping.GRACE_SECONDS = 0.1; stopping.obey_signals()")
    with python(code.replace("while not stopping.asked():", "while True:")) as process:
        process.stdout.readline()
        process.terminate()
        assert process.stdout.read() == "told\n"
    assert process.returncode == 143


def test_an_ignored_hangup_stays_ignored():
    code = """
        import signal
        from sixgig.runtime.stopping import obey_signals
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        obey_signals()
        signal.raise_signal(signal.SIGHUP)
        print("goes on")
    """
    with python(code) as process:
        assert process.stdout.read() == "goes on\n"
    assert process.returncode == 0


def test_a_child_does_not_outlive_its_parent():
    child = "import os; from sixgig.runtime.stopping import end_with_parent as e; e({}); print('in', flush=True); {}"
    parent = f"""
        import os, subprocess, sys, time
        code = {child!r}.format(os.getpid(), "import time; time.sleep(60)")
        print(subprocess.Popen([sys.executable, "-c", code]).pid, flush=True)
        time.sleep(60)
    """
    with python(parent) as process:
        number = int(process.stdout.readline())
        assert process.stdout.readline() == "in\n"
        process.kill()
        assert process.stdout.read() == ""  # the pipe closes when the child, which has it too, is gone
    assert not Path(f"/proc/{number}/exe").exists()


def test_a_child_ends_when_its_parent_was_gone_before_it_could_ask():
    code = "from sixgig.runtime.stopping import end_with_parent\nend_with_parent(1)\nprint('lives on')"
    with python(code) as process:
        assert process.stdout.read() == ""
    assert process.returncode == -signal.SIGKILL


def test_a_job_ends_with_the_main_process_of_its_run_whatever_stands_between(tmp_path):
    log = tmp_path / "logs" / "work.log"
    script = f"""
        import time
        from sixgig.runtime.jobs import job
        from sixgig.runtime.stopping import asked, leave_if_asked, saving
        with job({str(log)!r}):
            with saving():
                open({str(tmp_path / "works")!r}, "w").close()
                while not asked():
                    time.sleep(0.01)
                open({str(tmp_path / "saved")!r}, "w").close()
    """
    main = f"""
        import os, subprocess, sys, time
        from sixgig.runtime.processes import OWNER, this_process
        os.environ[OWNER] = this_process().token
        job = subprocess.Popen(["bash", "-c", '"$@"; true', "", sys.executable, "-c", {textwrap.dedent(script)!r}])
        while not os.path.exists({str(tmp_path / "works")!r}):
            time.sleep(0.01)
        print("works", flush=True)
        time.sleep(60)
    """
    with python(main) as process:
        assert process.stdout.readline() == "works\n"
        process.kill()
        assert process.stderr.read().endswith("[work] stopped by SIGTERM\n")
    assert (tmp_path / "saved").exists()
    assert "Stopped: 143" in log.read_text()


def test_a_job_of_another_machine_watches_nobody(tmp_path):
    code = f"""
        from sixgig.runtime.jobs import job
        with job({str(tmp_path / "job.log")!r}):
            pass
    """
    token = f"another-boot:{this_process().pid}:1"
    with python(code, **{OWNER: token}) as process:
        process.communicate()
    assert process.returncode == 0
