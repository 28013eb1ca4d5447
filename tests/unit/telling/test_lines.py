import itertools
import time

import pytest

from sixgig.runtime.running import Running
from sixgig.telling.lines import Pace, in_words, opening_line, per_cent, running_words, status_line, when
from sixgig.telling.work import Estimate

NOON = time.mktime((2026, 11, 27, 14, 5, 0, 0, 0, -1))
JOB = Running("pretrain_arm", "acdc.vit_mim", 1, "host", NOON, "pretrain acdc vit_mim", 412, 800, "steps", 0.5)
OTHER = Running("score_predictions", "", 2, "host", NOON)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3570, "1 h"), (7800, "2 h 10 min"), (86400 * 1.3, "31 h")],
)
def test_in_words(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("later", "words"), [(2.25 * 3600, "16:20"), (14 * 3600, "Sat 04:05"), (15 * 86400, "Sat 12 Dec")]
)
def test_when(later, words):
    assert when(NOON + later, NOON) == words


def test_per_cent_is_not_rounded_up_to_all():
    assert [per_cent(share) for share in (0, 0.379, 0.29, 0.999, 1)] == ["0%", "37%", "29%", "99%", "100%"]


def test_the_status_line():
    estimate = Estimate(0.374, 2.25 * 3600, 33, 49)
    assert status_line(NOON, estimate, [JOB], known=True) == (
        "[14:05] 37% of the work, done about 16:20 | pretrain acdc vit_mim 412 of 800 steps"
    )
    assert status_line(NOON, estimate, [JOB, OTHER], known=True).endswith("412 of 800 steps (+ 1 more)")
    assert status_line(NOON, estimate, [OTHER], known=False) == "[14:05] 33 of 49 jobs | score_predictions"


def test_the_opening_line():
    fresh, resumed = Estimate(0, 7800, 0, 49), Estimate(0.374, 7800, 16, 49)
    assert opening_line(NOON, fresh, 49, 12, known=True) == (
        "[14:05] 49 jobs to run on 12 cores, about 2 h 10 min: done about 16:15"
    )
    assert opening_line(NOON, resumed, 33, 1, known=True).endswith("16:15 | goes on from 37% of the work")
    assert opening_line(NOON, resumed, 1, None, known=False) == "[14:05] 1 job to run | 16 of 49 were done before"


def test_labels_are_one_short_line_without_control_characters():
    job = Running("obtain_cohort", "x", 1, "host", NOON, "fetch\n\r" + "a" * 100, 1, 2, "MiB")
    words = running_words(job)
    assert words.startswith("fetch aaa")
    assert words.isprintable()
    assert len(words) <= 70 + len(" 1 of 2 MiB")


def test_the_screen_of_a_long_night_is_short():
    """Eight hours, looked at every 5 s: at most a line a minute, and about 60 in all, never 15 minutes apart."""
    pace, hours = Pace(0), 8
    lines = [now for now in range(0, hours * 3600, 5) if pace.due(now, now / (hours * 3600))]
    assert 30 <= len(lines) <= 60
    gaps = [later - earlier for earlier, later in itertools.pairwise(lines)]
    assert min(gaps) >= 60
    assert max(gaps) <= 900


def test_a_short_study_has_a_line_a_minute():
    pace = Pace(0)
    assert [now for now in range(0, 301, 5) if pace.due(now, now / 300)] == [60, 120, 180, 240, 300]


def test_a_study_that_stands_still_says_so_four_times_an_hour():
    pace = Pace(0)
    assert [now for now in range(0, 3601, 5) if pace.due(now, 0.01)] == [900, 1800, 2700, 3600]
