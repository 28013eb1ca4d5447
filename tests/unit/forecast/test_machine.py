"""Rates: arithmetic over threads, and the file that keeps what was measured."""

from dataclasses import replace

import pytest

from sixgig.forecast import calibration
from sixgig.forecast.card_rates import is_held
from sixgig.forecast.machine import machine_key, this_machine
from sixgig.forecast.rates import REFERENCE, with_cores
from sixgig.forecast.repeating import best_of
from sixgig.forecast.sheets import find_card
from sixgig.gpu.lock import hold_gpu
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
    first = this_machine(file)
    assert this_machine(file) == first
    assert first.name == "measured 1"
    assert len(measured) == 1


def test_another_torch_or_card_is_measured_anew_and_both_are_kept(tmp_path, measured, monkeypatch):
    file = tmp_path / "machine.json"
    this_machine(file)
    monkeypatch.setattr("sixgig.forecast.machine.machine_key", lambda: "another")
    assert this_machine(file).name == "measured 2"
    assert len(read_json(file)) == 2


def test_a_damaged_cache_is_measured_anew(tmp_path, measured):
    file = tmp_path / "machine.json"
    file.write_text("{")
    assert this_machine(file).name == "measured 1"
    write_json(file, {machine_key(): {"name": "of another version"}})
    assert this_machine(file).name == "measured 2"


def test_cores_of_a_study_are_given_to_the_machine(tmp_path, measured):
    assert this_machine(tmp_path / "machine.json", cores=1).cores == 1


def test_a_process_of_its_own_measures_torch():
    """Whatever the figures are on this machine, they are rates, and they come back through the process's output."""
    found = calibration._in_a_process(0.01)
    assert found["start"] > 0.1
    assert found["start"] != REFERENCE.torch_start_s  # which stands in when the process fails
    assert all(found[name] > 0 for name in ("transformer", "convolution", "speedup", "scalar"))


def test_where_torch_cannot_be_measured_the_reference_stands_in(monkeypatch):
    monkeypatch.setattr("sixgig.forecast.calibration.sys.executable", "false")
    found = calibration._in_a_process(0.01)
    assert (found["transformer"], found["start"]) == (REFERENCE.transformer_gflops, REFERENCE.torch_start_s)


def test_a_card_that_a_job_holds_is_not_measured_and_not_kept(tmp_path, machine, monkeypatch):
    card = find_card("RTX 3060")
    monkeypatch.setattr("sixgig.forecast.machine.calibrate", lambda: replace(machine, card=card))
    assert this_machine(tmp_path / "machine.json").card == card
    assert not (tmp_path / "machine.json").exists()
    monkeypatch.setattr(
        "sixgig.forecast.machine.calibrate", lambda: replace(machine, card=replace(card, measured=True))
    )
    assert this_machine(tmp_path / "machine.json").card.measured
    assert (tmp_path / "machine.json").exists()


def test_a_lock_tells_whether_a_job_holds_the_card(tmp_path):
    path = tmp_path / "card.lock"
    assert not is_held(path)
    with hold_gpu(path, lambda text: None):
        assert is_held(path)
    assert not is_held(path)


def test_the_best_of_many_counts():
    ticks = iter([0.0, 5.0, 10.0, 11.0, 20.0, 27.0, 30.0, 33.0, 40.0, 44.0])
    assert best_of(lambda: None, 0.0, lambda: next(ticks)) == 1.0


def test_a_folder_without_rights_is_measured_all_the_same(tmp_path, measured):
    (tmp_path / "file").write_text("")
    assert this_machine(tmp_path / "file" / "machine.json").name == "measured 1"
    assert calibration._disk(str(tmp_path / "file")) == REFERENCE.disk_mb_s
    assert calibration._disk(str(tmp_path)) > 0
