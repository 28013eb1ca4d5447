"""What `sixgig plan` prints."""

from dataclasses import replace

import pytest

from sixgig.forecast.answer import START, Expected, Problem, Room
from sixgig.forecast.base import JobKey
from sixgig.forecast.overview import overview
from sixgig.forecast.screen import LINES, hours, job_lines, screen
from sixgig.forecast.wording import clock, duration, size
from tests.unit.forecast.made import COSTS, NOW, TITLES, answer, job, jobs


def test_the_screen_tells_times_sizes_path_and_finish():
    shown = screen(answer(rooms=[Room("GPU memory", 4000, 6144), Room("memory", 2300, 5000), Room("disk", 80, None)]))
    lines = shown.splitlines()
    assert lines[0] == "sixgig plan: x (x.yaml), Fri 27 Nov, 22:30"
    assert lines[3].split() == ["jobs", "time", "VRAM", "RAM", "disk", "fetch", "why"]
    assert next(line for line in lines if "Arm B" in line).split() == [
        "Arm", "B", "1/1", "5", "min", "3.9", "GB", "1.5", "GB", "5", "MB", "-", "new",
    ]  # fmt: skip
    assert "11 min from start to end with 2 cores, of which jobs that run one at a time 8 min" in shown
    assert "done Fri 27 Nov, 22:40 when started now" in " ".join(shown.split())
    assert (
        "critical path, 8 min: prepare c (2 min) > encode_images c.b (5 min) > classify c.b.s (50 s) > score" in shown
    )
    assert "fits: GPU memory 3.9 GB of 6.0 GB, memory 2.2 GB of 4.9 GB, disk 80 MB, to download 20 MB" in shown
    assert "why: has never run: 6 jobs" in shown


def test_a_finished_study_has_nothing_to_do():
    done = [replace(one, needed=False, reasons=()) for one in jobs()]
    shown = screen(answer(done))
    assert "nothing to do: every file of the study is there and up to date" in shown
    assert "0/6" in shown
    assert "why:" not in shown


def test_what_does_not_fit_comes_with_what_would_fit():
    problems = [
        Problem("GPU memory", "pretrain c.b takes 8.0 GB of 6.0 GB", "set arms.b.batch_size: 2 (5.1 GB)"),
        Problem(START, "config key device is cuda, and there is none", "set device: cpu"),
    ]
    shown = " ".join(screen(answer(problems=problems)).split())
    assert (
        "does not fit (GPU memory): pretrain c.b takes 8.0 GB of 6.0 GB. Next step: set arms.b.batch_size: 2" in shown
    )
    assert "cannot start: config key device is cuda, and there is none. Next step: set device: cpu" in shown
    assert "fits:" not in shown


def large(n_arms):
    """A study with many arms, everything said that can be said."""
    made = jobs()
    for number in range(n_arms):
        made.append(job("encode_images", f"c.arm{number}", "features", cohort="c", arm=f"arm{number}"))
    costs = {**COSTS, **{one.key: COSTS[JobKey("encode_images", "c.a")] for one in made[6:]}}
    long = "so many words that they do not fit on one line of a terminal, whatever its width may be " * 3
    return answer(
        made,
        costs=costs,
        overview=overview(made, costs, TITLES),
        device="RTX 3050 6GB Laptop",
        problems=[Problem("memory", long, long)] * 4,
        notes=[long] * 5,
        assumptions=[long] * 5,
        expected=[Expected("a", "Arm A", 2, 4, 200), Expected("total", "in all", 20, 40, 660)],
    )


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("n_arms", [0, 30])
def test_one_screen_whatever_the_study(width, n_arms):
    lines = screen(large(n_arms), width).splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= min(width, 100)
    assert any(line.startswith("in all") for line in lines)
    assert any(line.startswith("statistics") for line in lines)
    assert any("Arm A" in line and "2 to 4 h" in line for line in lines)
    assert any("in all" in line and "20 to 40 h" in line for line in lines)
    assert any("take less" in line for line in lines) == (n_arms > 0)


def test_every_job_has_its_line():
    done = replace(jobs()[0], needed=False, reasons=())
    lines = job_lines(answer(jobs(preparec=done))).splitlines()
    assert lines[0].split() == ["job", "time", "VRAM", "RAM", "disk", "fetch", "why"]
    assert [line.split("  ")[0] for line in lines[1:-1]] == [
        "encode_images c.a", "encode_images c.b", "classify c.a.s", "classify c.b.s", "score",
    ]  # fmt: skip
    assert lines[-1] == "5 jobs have to run, 1 need not"


def test_amounts_in_words():
    assert [duration(seconds) for seconds in (0, 0.3, 61, 99.6, 3600, 7500)] == [
        "-", "1 s", "61 s", "2 min", "60 min", "2 h 05 min",
    ]  # fmt: skip
    assert [size(mib) for mib in (0, 0.2, 999, 1024, 3482, 204800, None)] == [
        "-", "1 MB", "999 MB", "1.0 GB", "3.4 GB", "200 GB", "?",
    ]  # fmt: skip
    assert clock(NOW) == "Fri 27 Nov, 22:30"
    assert [hours(1, 3), hours(1 / 6, 0.5)] == ["1 to 3 h", "10 to 30 min"]
