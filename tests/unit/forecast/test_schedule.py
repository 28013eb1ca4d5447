"""List scheduling: cores, one card, memory, the longest chain first."""

import pytest

from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.schedule import Slot, Step, lay_out, schedule


def job(name):
    return JobKey("rule", name)


def cost(seconds, threads=1, gpu=False, rss_mb=100.0):
    return JobCost(seconds, rss_mb, threads=threads, gpu=gpu)


def test_independent_jobs_share_the_cores():
    laid = schedule({job("a"): cost(4), job("b"): cost(3), job("c"): cost(2)}, {}, cores=2)
    assert laid.slots == {job("a"): Slot(0, 4), job("b"): Slot(0, 3), job("c"): Slot(3, 5)}
    assert (laid.total, laid.peak_rss_mb) == (5, 200)


def test_the_longest_chain_goes_first_and_is_named():
    costs = {job("a"): cost(1), job("b"): cost(9), job("c"): cost(2)}
    laid = schedule(costs, {job("b"): {job("a")}}, cores=1)
    assert laid.slots[job("a")] == Slot(0, 1)
    assert laid.critical_path == [job("a"), job("b")]
    assert (laid.critical_seconds, laid.total) == (10, 12)


def test_one_job_holds_the_card_at_a_time():
    costs = {job(name): cost(5, gpu=True) for name in "ab"}
    assert schedule(costs, {}, cores=4).total == 10
    assert schedule(costs, {}, cores=4, gpus=2).total == 5


def test_threads_beyond_the_cores_are_the_cores():
    assert schedule({job("a"): cost(5, threads=4), job("b"): cost(5)}, {}, cores=2).total == 10


def test_memory_holds_jobs_back_and_one_that_is_too_large_runs_alone():
    costs = {job("a"): cost(5, rss_mb=900), job("b"): cost(5, rss_mb=600), job("c"): cost(5, rss_mb=300)}
    assert schedule(costs, {}, cores=3).total == 5
    laid = schedule(costs, {}, cores=3, mem_mb=800)
    assert (laid.total, laid.peak_rss_mb) == (15, 900)


def test_reserved_memory_counts_in_place_of_what_is_expected():
    costs = {job("a"): cost(5), job("b"): cost(5)}
    assert schedule(costs, {}, cores=2, mem_mb=1000, reserved_mb={job("a"): 800, job("b"): 800}).total == 10


def test_jobs_without_costs_are_done():
    laid = schedule({job("b"): cost(3)}, {job("b"): {job("a")}}, cores=1)
    assert laid.total == 3


def test_nothing_to_do_takes_no_time():
    laid = schedule({}, {}, cores=2)
    assert (laid.total, laid.critical_path) == (0, [])


def test_a_circle_is_refused():
    with pytest.raises(ValueError, match="wait for each other"):
        schedule({job("a"): cost(1), job("b"): cost(1)}, {job("a"): {job("b")}, job("b"): {job("a")}}, cores=1)


def end_of(slots):
    return max((slot.end for slot in slots.values()), default=0)


CARD = {"short": Step(30, {"gpu": 1}), "long": Step(5, {"gpu": 1}), "tail": Step(50, needs=["long"])}


@pytest.mark.parametrize(
    ("steps", "running", "capacity", "seconds"),
    [
        ({}, (), {"_cores": 4}, 0),
        ({"a": Step(10), "b": Step(20)}, (), {}, 20),  # side by side
        ({"a": Step(10), "b": Step(20, needs=["a"])}, (), {}, 30),  # a chain
        ({"b": Step(20, needs=["a"])}, (), {}, 20),  # what is needed has ended
        ({name: Step(10, {"_cores": 1}) for name in "abcd"}, (), {"_cores": 2}, 20),
        ({name: Step(10, {"gpu": 1}) for name in "abc"}, (), {"gpu": 1}, 30),  # one card
        ({"a": Step(10, {"_cores": 8}), "b": Step(10, {"_cores": 1})}, (), {"_cores": 4}, 20),  # scaled down
        # The card goes to the job with most behind it: 5 + 50, and the other 30 meanwhile.
        (CARD, (), {"gpu": 1}, 55),
        # A running job keeps what it has, whatever is behind others.
        (CARD, ["short"], {"gpu": 1}, 85),
    ],
)  # fmt: skip
def test_when_the_last_job_ends(steps, running, capacity, seconds):
    assert end_of(lay_out(steps, capacity, running)) == seconds


def test_a_deep_chain_is_no_recursion():
    steps = {place: Step(1, needs=[place - 1]) for place in range(5000)}
    assert end_of(lay_out(steps, {})) == 5000
