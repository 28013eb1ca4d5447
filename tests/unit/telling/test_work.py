import pytest

from sixgig.forecast.base import JobKey
from sixgig.telling.work import Part, StudyWork, Task

PREPARE, TRAIN, OTHER, ENCODE, SCORE = (
    JobKey("prepare_cohort", "acdc"), JobKey("pretrain_arm", "acdc.a"), JobKey("pretrain_arm", "acdc.b"),
    JobKey("encode_images", "acdc.a"), JobKey("score_predictions"),
)  # fmt: skip


def work(**changes):
    """A study of 1000 s of work: 100 to prepare, two trainings on one card, 80 to encode, 20 to score."""
    given = [
        Task(PREPARE, 100),
        Task(TRAIN, 400, {"gpu": 1}, frozenset({PREPARE})),
        Task(OTHER, 400, {"gpu": 1}, frozenset({PREPARE})),
        Task(ENCODE, 80, {"gpu": 1}, frozenset({TRAIN})),
        Task(SCORE, 20, {}, frozenset({ENCODE, OTHER})),
    ]
    ended = changes.get("ended", ())
    tasks = [Task(task.key, task.predicted, task.takes, task.needs, task.key in ended) for task in given]
    return StudyWork(tasks, {"_cores": 4, "gpu": 1})


def test_before_anything_has_run():
    estimate = work().estimate(now=0)
    assert (estimate.fraction, estimate.done, estimate.total) == (0, 0, 5)
    assert estimate.seconds_left == 100 + 400 + 400 + 80 + 20  # the card holds one job at a time
    assert work().seconds_predicted == 1000


def test_work_of_earlier_runs_counts():
    estimate = work(ended={PREPARE, TRAIN}).estimate(now=0)
    assert (estimate.fraction, estimate.done, estimate.seconds_left) == (0.5, 2, 500)


def test_a_running_job_counts_its_time():
    study = work(ended={PREPARE})
    study.start(TRAIN, 1000)
    estimate = study.estimate(now=1200)
    assert estimate.fraction == pytest.approx(0.3)
    assert estimate.seconds_left == 200 + 400 + 80 + 20


def test_a_running_job_is_believed_when_it_says_how_far_it_is():
    study = work(ended={PREPARE})
    study.start(TRAIN, 0)
    # A quarter of 800 steps in 200 s: 600 s more, not the 200 s of the prediction; and the other is as slow.
    estimate = study.estimate(now=200, parts={TRAIN: Part(200, 800, 1.0)})
    rest = 100 * (800 + 50) / (400 + 50)
    assert estimate.seconds_left == pytest.approx(600 + 800 + rest)
    assert estimate.fraction == pytest.approx((100 + 200) / (100 + 200 + 600 + 800 + rest))
    # At its beginning it says something of itself alone.
    study = work(ended={PREPARE})
    study.start(TRAIN, 0)
    assert study.estimate(now=20, parts={TRAIN: Part(20, 800, 1.0)}).seconds_left == 780 + 400 + 80 + 20


def test_measured_times_correct_the_predictions_of_their_rule():
    study = work(ended={PREPARE})
    study.start(TRAIN, 0)
    study.end(TRAIN, 800)  # twice as long as predicted
    estimate = study.estimate(now=800)
    # The other training will take 800 s as well. Of other rules less is known: (800 + 50) / (400 + 50) times.
    rest = 100 * 850 / 450
    assert estimate.seconds_left == pytest.approx(800 + rest)
    assert estimate.fraction == pytest.approx(900 / (900 + 800 + rest))


def test_a_quick_job_that_was_slow_says_little_about_the_rest():
    study = work()
    study.start(SCORE, 0)
    study.end(SCORE, 60)  # three times 20 s, of 1000 s
    left = study.estimate(now=60).seconds_left
    assert left == pytest.approx(980 * (60 + 50) / (20 + 50))


def test_a_resumed_job_is_not_mistaken_for_a_fast_one():
    study = work(ended={PREPARE})
    study.start(TRAIN, 0)
    first = study.estimate(now=5, parts={TRAIN: Part(602, 800, 2.0)})  # 600 of the steps were done before
    assert first.seconds_left == 99 + 400 + 80 + 20
    study.end(TRAIN, 100)  # the last quarter in 100 s, as predicted
    assert study.estimate(now=100).seconds_left == pytest.approx(400 + 100, rel=0.05)


def test_a_job_in_overtime_still_takes_a_while():
    study = work(ended={PREPARE})
    study.start(TRAIN, 0)
    # 1000 s instead of 400 so far: the other training will take as long, and the rest (1000 + 50) / (400 + 50) times.
    assert study.estimate(now=1000).seconds_left == pytest.approx(100 + 1000 + 100 * 1050 / 450)


def test_the_fraction_never_falls_and_is_all_at_the_end_alone():
    study = work(ended={PREPARE, TRAIN, ENCODE, SCORE})
    study.start(OTHER, 0)
    high = study.estimate(now=390).fraction
    assert high == pytest.approx(990 / (990 + 39))  # a job that is nearly due may take a tenth longer
    assert study.estimate(now=391, parts={OTHER: Part(100, 800, 0.25)}).fraction == high
    assert study.estimate(now=800, parts={OTHER: Part(800, 800, 1.0)}).fraction == 0.999  # it still writes
    study.end(OTHER, 801)
    assert study.estimate(now=801).fraction == 1
    assert study.complete


def test_what_waits_for_a_failed_job_is_not_waited_for():
    study = work(ended={PREPARE})
    study.start(TRAIN, 0)
    study.fail(TRAIN)
    study.start(OTHER, 10)
    estimate = study.estimate(now=10)
    assert estimate.seconds_left == 400  # encoding and scores will not come
    assert study.failed == {TRAIN}
    study.end(OTHER, 410)
    study.start(TRAIN, 410)  # tried again
    assert study.failed == frozenset()
    assert study.estimate(now=410).seconds_left == 400 + 80 + 20


def test_jobs_that_are_not_known_are_ignored():
    study = work()
    stranger = JobKey("all")
    study.start(stranger, 0)
    study.end(stranger, 1)
    study.fail(stranger)
    assert study.estimate(now=1).total == 5


def test_jobs_without_a_prediction_of_time():
    study = StudyWork([Task(PREPARE, 0.0)], {})
    assert study.estimate(now=0).fraction == 0
    study.start(PREPARE, 0)
    study.end(PREPARE, 1)
    assert study.estimate(now=1).fraction == 1
