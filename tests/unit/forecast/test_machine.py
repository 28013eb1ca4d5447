"""Rates: arithmetic over threads, and the file that keeps what was measured."""

from dataclasses import replace

import pytest

from sixgig.forecast import calibration, machine
from sixgig.forecast.rates import with_cores
from sixgig.runtime.atomic import read_json, write_json


def test_threads_share_the_speed_up_of_all_cores(machine):
    twelve = replace(machine, cores=12, speedup=6.5)
    assert [twelve.parallel(threads) for threads in (1, 4, 12, 99)] == [1.0, 2.5, 6.5, 6.5]
    assert twelve.flops("transformer", 4) == pytest.approx(250e9)
    assert twelve.flops("convolution", 1) == pytest.approx(10e9)


def test_fewer_cores_are_as_fast_as_so_many_threads(machine):
    four = with_cores(replace(machine, cores=12, speedup=6.5), 4)
    assert (four.cores, four.speedup) == (4, 2.5)
    assert with_cores(machine, 99) == machine


@pytest.fixture
def measured(machine, monkeypatch):
    """Stand in for the measuring, and count it."""
    calls = []

    def calibrate():
        calls.append(1)
        return replace(machine, name=f"measured {len(calls)}")

    monkeypatch.setattr("sixgig.forecast.machine.calibrate", calibrate)
    return calls


def test_a_machine_is_measured_once(tmp_path, measured):
    file = tmp_path / "machine.json"
    first = machine.this_machine(file)
    assert machine.this_machine(file) == first
    assert first.name == "measured 1"
    assert len(measured) == 1


def test_another_torch_or_card_is_measured_anew_and_both_are_kept(tmp_path, measured, monkeypatch):
    file = tmp_path / "machine.json"
    machine.this_machine(file)
    monkeypatch.setattr("sixgig.forecast.machine.machine_key", lambda: "another")
    assert machine.this_machine(file).name == "measured 2"
    assert len(read_json(file)) == 2


def test_a_damaged_cache_is_measured_anew(tmp_path, measured):
    file = tmp_path / "machine.json"
    file.write_text("{")
    assert machine.this_machine(file).name == "measured 1"
    write_json(file, {machine.machine_key(): {"name": "of another version"}})
    assert machine.this_machine(file).name == "measured 2"


def test_cores_of_a_study_are_given_to_the_machine(tmp_path, measured):
    assert machine.this_machine(tmp_path / "machine.json", cores=1).cores == 1


def test_the_best_of_many_counts():
    ticks = iter([0.0, 5.0, 10.0, 11.0, 20.0, 27.0, 30.0, 33.0, 40.0, 44.0])
    assert calibration.best_of(lambda: None, 0.0, lambda: next(ticks)) == 1.0
