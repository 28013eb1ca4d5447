import json
import os
import time
from pathlib import Path

import pytest

from sixgig.telling.ending import Ending
from sixgig.telling.hook import run_hook

ENDING = Ending(
    study="night", outcome="failed", seconds=7800.25, predicted=7200.0, n_lost=2,
    failed_jobs={"pretrain_arm acdc.vit_mim": "results/night/logs/pretrain_arm/acdc.vit_mim.log"},
    failures={"arm vit_contrastive on acdc": "failed: $(touch pwned) `touch pwned`; touch pwned"},
    report="results/night/report.html", tracking="",
)  # fmt: skip


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "logs" / "hook.log"


def hook(log, *command, limit=30, ending=ENDING):
    return run_hook({"finished": list(command), "time_limit": limit}, ending, log)


def test_the_outcome_is_in_the_environment_and_on_standard_input(log, monkeypatch):
    monkeypatch.setenv("SIXGIG_OWNER", "1:2:3")
    assert hook(log, "sh", "-c", "env > env.txt; cat > in.json; echo said") == ""
    assert log.read_text() == "said\n"
    lines = (log.parent.parent / "env.txt").read_text()
    assert "SIXGIG_STUDY=night\n" in lines
    assert "SIXGIG_OUTCOME=failed\n" in lines
    assert "SIXGIG_SECONDS=7800\n" in lines
    assert "SIXGIG_FAILED=pretrain_arm acdc.vit_mim\narm vit_contrastive on acdc\n" in lines
    assert "SIXGIG_REPORT=results/night/report.html\n" in lines
    assert "SIXGIG_OWNER" not in lines  # by which jobs are known, and ended
    found = json.loads((log.parent.parent / "in.json").read_text())
    assert (found["outcome"], found["seconds"], found["study"]) == ("failed", 7800.2, "night")
    assert found["failures"] == ENDING.failures


def test_no_shell_reads_arguments_or_names(log):
    assert hook(log, "printf", "%s|", "a b", "$(touch pwned)", "'; touch pwned", "-n", "line\nline", "*") == ""
    assert log.read_text() == "a b|$(touch pwned)|'; touch pwned|-n|line\nline|*|"
    assert not (log.parent.parent / "pwned").exists()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["false"], "hooks.finished: false ended with exit code 1; see"),
        (["no-such-program"], "hooks.finished: no-such-program could not be run: No such file or directory."),
        (["a\0b"], "could not be run: embedded null byte"),
        (["sh", "-c", "exec 0<&-; exit 0"], ""),  # it need not read its input
    ],
)
def test_its_failure_is_told_and_raises_nothing(log, command, told):
    found = hook(log, *command)
    assert found == told or (told and told in found)


def test_it_is_ended_with_all_that_it_started_after_its_time(log):
    told = hook(log, "sh", "-c", "sleep 1000 & echo $! > pid; wait", limit=0.5)
    assert told.startswith("hooks.finished: sh was ended after 0 s (hooks.time_limit); see")
    pid = int((log.parent.parent / "pid").read_text())
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("its child still runs")


def test_without_a_command_nothing_runs(log):
    assert hook(log) == ""
    assert not log.exists()
