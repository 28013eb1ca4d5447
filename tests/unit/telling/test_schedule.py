import pytest

from sixgig.telling.schedule import Step, seconds_until_done

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
def test_seconds_until_done(steps, running, capacity, seconds):
    assert seconds_until_done(steps, running, capacity) == seconds


def test_a_deep_chain_is_no_recursion():
    steps = {place: Step(1, needs=[place - 1]) for place in range(5000)}
    assert seconds_until_done(steps, (), {}) == 5000
