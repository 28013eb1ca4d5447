"""What the next attempt of a job knows: how often memory ran out, and whether it is worth trying."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sixgig.errors import ArmError, PassingError
from sixgig.runtime import attempts
from sixgig.runtime.attempts import Attempt, fallbacks, fewer, shortages
from sixgig.runtime.faults import MemoryShortError

ROOT = Path(__file__).resolve().parents[3]
SHORT = MemoryShortError("this job", "host memory ran out", "close programs")


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setattr(attempts, "_shortages", 0)
    monkeypatch.setattr(attempts, "_unexplained", None)
    path = tmp_path / "results/s/logs/encode_images/c.a.log"
    path.parent.mkdir(parents=True)
    path.write_text("what it said")
    return path


def notes(log):
    return sorted(path.name for path in log.parents[2].joinpath(".attempts").glob("*"))


def test_every_shortage_halves_what_is_done_at_a_time(log):
    for times, expected in ((0, 8), (1, 4), (2, 2), (3, 1), (4, 1)):
        attempt = Attempt(log)
        assert (shortages(), fewer(8)) == (times, expected)
        assert bool(fallbacks()) == bool(times)
        attempt.begin()
        attempt.failed(SHORT, passes=True)
    attempt = Attempt(log)
    attempt.begin()
    attempt.succeeded()
    assert notes(log) == []
    Attempt(log)
    assert shortages() == 0


def test_another_fault_takes_nothing_away_and_forgets_nothing(log):
    for error, times in ((SHORT, 1), (PassingError("the GPU", "failed", "run again"), 1)):
        attempt = Attempt(log)
        attempt.begin()
        attempt.failed(error, passes=True)
        Attempt(log)
        assert shortages() == times


@pytest.mark.parametrize(("kills", "boot", "times"), [(7, "b", 1), (6, "b", 0), (7, "another", 0)])
def test_a_job_that_the_kernel_ended_for_its_memory_takes_less(log, monkeypatch, kills, boot, times):
    monkeypatch.setattr(attempts, "oom_kills", lambda: 6)
    monkeypatch.setattr(attempts, "_boot", lambda: "b")
    Attempt(log).begin()  # and then it is killed
    monkeypatch.setattr(attempts, "oom_kills", lambda: kills)
    monkeypatch.setattr(attempts, "_boot", lambda: boot)
    Attempt(log)
    assert shortages() == times


def test_the_log_of_the_attempt_before_is_kept(log):
    attempt = Attempt(log)
    assert attempt.begin() == ""
    attempt.failed(SHORT, passes=True)
    log.unlink()  # as Snakemake does
    assert Attempt(log).begin() == "what it said"


def test_a_log_elsewhere_is_remembered_by_nothing(tmp_path):
    attempt = Attempt(tmp_path / "job.log")
    assert attempt.begin() == ""
    attempt.failed(ArmError("a", "b", "c"), passes=False)
    attempt.succeeded()
    assert list(tmp_path.iterdir()) == []


def run(log, body, attempt=1):
    code = f"from sixgig.runtime.jobs import job\nwith job({str(log)!r}, {attempt}):\n    {body}\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    return done.returncode, done.stderr


def test_a_passing_fault_fails_the_job_and_is_tried_again_with_less(log):
    code, said = run(log, "raise MemoryError")
    assert code == 1
    assert "[encode_images c.a] MemoryShortError: this job: host memory ran out at " in said
    assert "Next step: close other programs and run again" in said
    assert "Traceback" not in said
    assert json.loads((log.parents[2] / ".attempts/encode_images.c.a.json").read_text()) == {
        "shortages": 1, "final": "",
    }  # fmt: skip
    code, said = run(log, "from sixgig.runtime.attempts import fewer; print('with', fewer(8))", attempt=2)
    assert (code, "done in" in said) == (0, True)
    assert "with 4" in log.read_text()
    assert "MemoryError" in log.read_text()
    assert notes(log) == []


def test_an_error_that_nobody_explains_counts_when_it_comes_back(log):
    body = "from sixgig.runtime.attempts import outcome; print('said', outcome(RuntimeError('no operator nms')))"
    code, said = run(log, body)
    assert code == 1
    assert "UnexplainedError: this job: RuntimeError: no operator nms" in said
    assert "Next step: it is tried once more by itself" in said
    code, _ = run(log, body.replace("nms", "another"), attempt=2)
    assert code == 1  # other words: it is not the same that has come back
    code, _ = run(log, body.replace("nms", "another"), attempt=3)
    assert code == 0
    assert "said failed: RuntimeError: no operator another" in log.read_text()
    assert notes(log) == []


def test_an_error_of_ours_counts_at_once(log):
    Attempt(log).begin()
    assert attempts.outcome(ArmError("atoms", "are too many", "use fewer")) == "failed: atoms: are too many"
    with pytest.raises(attempts.UnexplainedError):
        attempts.outcome(RuntimeError("x"))
    with pytest.raises(MemoryShortError):
        attempts.outcome(RuntimeError("std::bad_alloc"))


def test_what_does_not_pass_is_not_computed_again(log):
    assert run(log, "raise KeyError('x')")[0] == 1
    code, said = run(log, "print('computed')", attempt=2)
    assert (code, "not tried again" in said) == (1, True)
    assert "KeyError: 'x'" in log.read_text()
    assert "computed" not in log.read_text()
    assert run(log, "print('computed')", attempt=3)[0] == 1
    assert run(log, "print('computed')")[0] == 0  # the next run tries
    assert "computed" in log.read_text()


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("from sixgig.runtime.jobs import say_failed; say_failed('failed: atoms: are too many')", "FAILED: atoms: are"),
        ("from sixgig.runtime.jobs import say_left_out; say_left_out('the arm failed')", "left out: the arm failed"),
        (
            "from sixgig.runtime.jobs import say_fallbacks; say_fallbacks(['ran on the CPU'])",
            "done with a fallback",
        ),
        ("from sixgig.runtime.jobs import say_fallbacks; say_fallbacks([])", "done in "),
    ],
)
def test_the_last_line_says_how_it_ended(log, body, line):
    code, said = run(log, body)
    assert code == 0
    assert said.startswith(f"[encode_images c.a] {line}")
    assert said.count("\n") == 1


def test_what_a_failed_attempt_listed_stays(log):
    bad = log.with_name("c.a.quarantine.csv")
    bad.write_text("subject_id,file,reason\n")
    attempt = Attempt(log, [bad])
    attempt.begin()
    attempt.failed(ArmError("a", "b", "c"), passes=False)
    bad.write_text("")  # Snakemake empties the logs of a job before it tries it again
    again = Attempt(log, [bad])
    again.begin()
    again.ended(again.final)
    assert bad.read_text() == "subject_id,file,reason\n"
    third = Attempt(log, [bad])
    third.begin()
    third.succeeded()
    assert notes(log) == []
