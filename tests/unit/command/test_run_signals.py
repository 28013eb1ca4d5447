"""`sixgig run` and the Snakemake process that it starts: signals, exit codes, and ends that nobody sees coming."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SNAKEMAKE = """
import os, signal, sys, time
def end(number, _):
    print("ended by", signal.Signals(number).name, flush=True)
    os._exit(128 + number)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, end)
print("works", flush=True)
time.sleep(600)
"""


def command(snakemake, before=""):
    """Start what `sixgig run` does, with a stand-in for Snakemake."""
    code = f"""
        import signal, sys
        {before}
        from sixgig.command.run import _follow
        sys.exit(_follow([sys.executable, "-c", {snakemake!r}]))
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_passed_on_and_the_code_is_snakemakes(number):
    with command(SNAKEMAKE) as process:
        assert process.stdout.readline() == "works\n"
        process.send_signal(number)
        assert process.stdout.read() == f"ended by {number.name}\n"
    assert process.returncode == 128 + number


def test_snakemake_is_told_to_end_when_the_command_is_killed():
    with command(SNAKEMAKE) as process:
        process.stdout.readline()
        process.kill()
        assert process.stdout.read() == "ended by SIGTERM\n"


def test_with_nohup_a_hangup_changes_nothing():
    snakemake = "import os, signal; os.kill(os.getppid(), signal.SIGHUP); signal.raise_signal(signal.SIGHUP)"
    with command(snakemake, before="signal.signal(signal.SIGHUP, signal.SIG_IGN)") as process:
        process.communicate()
    assert process.returncode == 0


def test_a_signal_that_ends_snakemake_is_in_the_code():
    with command("import os; os.kill(os.getpid(), 9)") as process:
        process.communicate()
    assert process.returncode == 137
