"""Which of several cards a job takes; the cards are pretended, their locks are real."""

import json
import os
import subprocess
import sys
import uuid
from collections import defaultdict
from itertools import pairwise

import pytest

from sixgig.gpu import choice, lock
from sixgig.gpu.card import Card, visible_cards
from sixgig.gpu.choice import equal_cards, take_free_card
from sixgig.runtime.places import PACKAGE

#: A job: takes a card, computes on what CUDA would show it, and says when it had which.
JOB = """
import json, sys, time
from sixgig.gpu import lock
from sixgig.gpu.card import Card
from sixgig.gpu.choice import take_free_card

shown = {}
cards = [Card("RTX 3050", name, 6144.0) for name in sys.argv[1:]]
take_free_card(lambda text: None, shown, cards, poll_seconds=0.02)
used = shown["CUDA_VISIBLE_DEVICES"].removeprefix("GPU-")
with lock.hold_gpu(lock.lock_path(used), lambda text: None):
    began = time.monotonic()
    time.sleep(0.4)
    print(json.dumps([used, began, time.monotonic()]))
"""


@pytest.fixture
def cards(monkeypatch):
    """Two cards of one model that no other test locks."""
    monkeypatch.setattr(choice, "_taken", False)
    found = [Card("RTX 3050", f"test-{uuid.uuid4()}", 6144.0) for _ in range(2)]
    yield found
    for descriptor in lock._reserved.values():
        os.close(descriptor)
    lock._reserved.clear()
    for card in found:
        lock.lock_path(card.uuid).unlink(missing_ok=True)


def test_as_many_jobs_as_cards_compute_at_once_and_never_two_on_one(cards):
    names = [card.uuid for card in cards]
    command = [sys.executable, "-c", JOB, *names]
    variables = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    jobs = [subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    used = [json.loads(job.communicate()[0]) for job in jobs]
    held = defaultdict(list)
    for name, began, ended in used:
        held[name].append((began, ended))
    assert set(held) == set(names)
    for times in held.values():
        assert all(ended <= began for (_, ended), (began, _) in pairwise(sorted(times)))
    first, second = (sorted(held[name])[0] for name in names)
    assert max(first[0], second[0]) < min(first[1], second[1])  # both cards had a job at one time


def test_the_first_free_card_is_shown_alone_and_its_lock_is_used(cards):
    shown: dict[str, str] = {}
    assert lock.reserve(lock.lock_path(cards[0].uuid))  # another job's
    take_free_card(pytest.fail, shown, cards)
    assert shown == {"CUDA_VISIBLE_DEVICES": f"GPU-{cards[1].uuid}"}
    with lock.hold_gpu(lock.lock_path(cards[1].uuid), pytest.fail):
        pass  # without waiting for itself
    take_free_card(pytest.fail, shown, cards)  # a job chooses once
    assert shown == {"CUDA_VISIBLE_DEVICES": f"GPU-{cards[1].uuid}"}


def test_a_job_that_waits_says_so_and_takes_what_becomes_free(cards):
    shown: dict[str, str] = {}
    said = []
    assert all(lock.reserve(lock.lock_path(card.uuid)) for card in cards)

    def tell(text):
        said.append(text)
        os.close(lock._reserved.pop(lock.lock_path(cards[1].uuid)))

    take_free_card(tell, shown, cards, poll_seconds=0.01)
    assert said == ["waiting for a GPU, 0 s so far: other sixgig jobs hold all 2"]
    assert shown == {"CUDA_VISIBLE_DEVICES": f"GPU-{cards[1].uuid}"}


def test_with_one_card_or_in_a_child_there_is_no_choice(cards):
    for environment, found in (({}, cards[:1]), ({}, []), ({lock.HELD_BY_PARENT: "7"}, cards)):
        before = dict(environment)
        take_free_card(pytest.fail, environment, found)
        assert environment == before


def test_cards_of_another_model_are_left_alone(monkeypatch):
    cards = [Card("A", "1", 1.0), Card("B", "2", 2.0), Card("A", "3", 1.0)]
    monkeypatch.setattr(choice, "first_card", lambda: cards[2])
    monkeypatch.setattr(choice, "visible_cards", lambda: cards)
    assert [card.uuid for card in equal_cards()] == ["3", "1"]
    monkeypatch.setattr(choice, "first_card", lambda: None)
    assert equal_cards() == []


@pytest.mark.parametrize(
    ("visible", "found"),
    [(None, "abc"), ("2,0", "ca"), ("GPU-b,1", "bb"), ("0,7,1", "a"), ("", ""), ("-1", "")],
)
def test_visible_cards_are_those_of_the_variable(monkeypatch, visible, found):
    monkeypatch.setattr("sixgig.gpu.card.all_cards", lambda nvml: [Card("A", name, 1.0) for name in "abc"])
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert "".join(card.uuid for card in visible_cards(None, environment)) == found
