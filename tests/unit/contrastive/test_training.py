"""The training loop, with a backend simple enough to follow."""

import json

import numpy as np
import pytest

from sixgig.contrastive.backend import LossScale
from sixgig.contrastive.training import Plateau
from sixgig.errors import NotFiniteError, TrainingError
from sixgig.runtime import stopping
from tests.unit.contrastive.toy_backend import SETTINGS, ToyBackend, data_of, of_kind, run


def test_facts_and_events_of_a_training(tmp_path):
    backend = ToyBackend(SETTINGS)
    facts, events = run(tmp_path, backend)
    steps = of_kind(events, "step")
    assert [event["step"] for event in steps] == [1, 2, 3, 4, 5, 6]
    assert {event["steps"] for event in steps} == {6}
    assert {event["images"] for event in steps} == {16}
    np.testing.assert_allclose([event["learning_rate"] for event in steps], [0.025, 0.05, 0.075, 0.1, 0.1, 0.1])
    assert facts["history"] == [[e["step"], "global", e["loss"], e["learning_rate"]] for e in steps]
    assert [event["step"] for event in of_kind(events, "checkpoint")] == [0, 1, 2, 3, 4, 5, 6]
    assert (facts["loss"], facts["steps"], facts["stopped_early"], facts["resumed_at"]) == ("g_d", 6, False, None)
    assert facts["heldout_loss"]["subjects"] == "evaluation"
    assert facts["heldout_loss"]["after"] < facts["heldout_loss"]["before"]
    assert facts["evidence"]["measure"] == "partition"
    assert (facts["evidence"]["n_images"], facts["evidence"]["chance"]) == (16, 0.5)
    assert facts["local_heldout_loss"] is None
    assert facts["notes"] == []
    assert facts["seconds_per_step"] > 0
    json.dumps(facts)


def test_the_local_stage_follows_with_its_own_warm_up(tmp_path):
    settings = SETTINGS._replace(steps=3, local_steps=3, warmup_steps=2)
    backend = ToyBackend(settings)
    facts, _ = run(tmp_path, backend, settings)
    assert [row[:2] for row in facts["history"]] == [
        [1, "global"], [2, "global"], [3, "global"], [4, "local"], [5, "local"], [6, "local"],
    ]  # fmt: skip
    np.testing.assert_allclose([row[3] for row in facts["history"]], 2 * [0.05, 0.1, 0.1])
    assert [seen[1:] for seen in backend.seen] == 3 * [("Terms", 16)] + 3 * [("LocalTarget", 8)]
    assert backend.stages == ["global", "local"]
    assert facts["local_heldout_loss"]["after"] < facts["local_heldout_loss"]["before"]


@pytest.mark.parametrize("kill_after", [1, 3, 4, 6])
@pytest.mark.parametrize("checkpoint_seconds", [0.0, 1000.0])
def test_a_killed_training_ends_like_one_that_was_not(tmp_path, kill_after, checkpoint_seconds):
    settings = SETTINGS._replace(steps=3, local_steps=3, checkpoint_seconds=checkpoint_seconds)
    whole = ToyBackend(settings)
    wanted, _ = run(tmp_path / "whole", whole, settings)
    assert run(tmp_path / "killed", ToyBackend(settings), settings, kill_after=kill_after)[0] is None
    resumed = ToyBackend(settings)
    found, events = run(tmp_path / "killed", resumed, settings)
    # The event of a step comes before its checkpoint; with rare checkpoints only the ends of stages have one.
    saved = kill_after - 1 if checkpoint_seconds == 0 else 3 * (kill_after > 3)
    assert found["resumed_at"] == saved
    assert [event["step"] for event in of_kind(events, "step")] == list(range(saved + 1, 7))
    assert resumed.seen == whole.seen[saved:]
    assert np.array_equal(resumed.weight, whole.weight)
    for name in ("history", "heldout_loss", "local_heldout_loss", "evidence", "notes", "steps"):
        assert found[name] == wanted[name], name


@pytest.mark.parametrize("stop_at", [1, 3, 5])
def test_a_training_that_is_told_to_end_saves_its_last_step_first(tmp_path, monkeypatch, stop_at):
    settings = SETTINGS._replace(steps=3, local_steps=3, checkpoint_seconds=1000.0)

    class Told(ToyBackend):
        def step(self, images, target, rate):
            if len(self.seen) == stop_at - 1:
                monkeypatch.setattr(stopping, "_asked", 15)
            return super().step(images, target, rate)

    with pytest.raises(stopping.Stopped) as stopped:
        run(tmp_path / "told", Told(settings), settings)
    assert stopped.value.code == 143
    monkeypatch.setattr(stopping, "_asked", 0)
    resumed, whole = ToyBackend(settings), ToyBackend(settings)
    found, _ = run(tmp_path / "told", resumed, settings)
    wanted, _ = run(tmp_path / "whole", whole, settings)
    assert found["resumed_at"] == stop_at
    assert found["history"] == wanted["history"]
    np.testing.assert_array_equal(resumed.weight, whole.weight)


def test_a_finished_training_is_only_measured_again(tmp_path):
    wanted, _ = run(tmp_path, ToyBackend(SETTINGS))
    backend = ToyBackend(SETTINGS)
    found, events = run(tmp_path, backend)
    assert (backend.seen, of_kind(events, "step")) == ([], [])
    assert found == {**wanted, "resumed_at": 6}


def test_measurements_before_training_are_not_repeated(tmp_path):
    settings = SETTINGS._replace(evidence_images=8, micro_batch_size=4)
    first = ToyBackend(settings)
    run(tmp_path, first, settings, kill_after=3)
    assert first.measured == 2
    second = ToyBackend(settings)
    run(tmp_path, second, settings)
    assert second.measured == 2


def test_a_damaged_checkpoint_costs_its_steps_and_nothing_else(tmp_path):
    whole = ToyBackend(SETTINGS)
    wanted, _ = run(tmp_path / "whole", whole)
    run(tmp_path / "killed", ToyBackend(SETTINGS), kill_after=5)
    (tmp_path / "killed" / "step-000000004" / "weight.npy").write_bytes(b"torn")
    resumed = ToyBackend(SETTINGS)
    found, events = run(tmp_path / "killed", resumed)
    assert found["resumed_at"] == 3
    notes = [event["text"] for event in of_kind(events, "note")]
    assert notes == found["notes"]
    assert len(notes) == 1
    assert "checkpoint step-000000004 is damaged (weight.npy has changed" in notes[0]
    assert np.array_equal(resumed.weight, whole.weight)
    assert found["history"] == wanted["history"]


def test_without_an_intact_checkpoint_training_begins_again_and_says_so(tmp_path):
    whole = ToyBackend(SETTINGS)
    run(tmp_path / "whole", whole)
    run(tmp_path / "killed", ToyBackend(SETTINGS), kill_after=5)
    for path in (tmp_path / "killed").glob("step-*/state.json"):
        path.write_text("{}")
    resumed = ToyBackend(SETTINGS)
    found, _ = run(tmp_path / "killed", resumed)
    assert found["resumed_at"] is None
    assert found["notes"][-1] == "no intact checkpoint is left: training begins again"
    assert np.array_equal(resumed.weight, whole.weight)


def test_checkpoints_of_other_settings_are_refused(tmp_path):
    run(tmp_path, ToyBackend(SETTINGS), kill_after=2)
    other = SETTINGS._replace(temperature=0.2, micro_batch_size=3)
    with pytest.raises(TrainingError, match=r"of another configuration: temperature \(0.1 there\)"):
        run(tmp_path, ToyBackend(other), other)


def test_a_smaller_micro_batch_goes_on_from_the_same_checkpoints(tmp_path):
    run(tmp_path, ToyBackend(SETTINGS), kill_after=3)
    smaller = SETTINGS._replace(micro_batch_size=3, threads=2)
    backend = ToyBackend(smaller)
    facts, _ = run(tmp_path, backend, smaller)
    whole = ToyBackend(SETTINGS)
    run(tmp_path / "whole", whole)
    assert facts["resumed_at"] == 2
    np.testing.assert_allclose(backend.weight, whole.weight, rtol=1e-6)


def test_a_loss_that_is_not_a_number_stops_at_its_step(tmp_path):
    with pytest.raises(NotFiniteError) as caught:
        run(tmp_path, ToyBackend(SETTINGS, nan_at=4))
    assert caught.value.place == "step 4 of 6 (global stage)"
    assert caught.value.reason == "the loss is nan"
    assert "the checkpoint of step 3 is kept" in caught.value.next_step
    resumed, whole = ToyBackend(SETTINGS), ToyBackend(SETTINGS)
    assert run(tmp_path, resumed)[0]["resumed_at"] == 3
    run(tmp_path / "whole", whole)
    assert np.array_equal(resumed.weight, whole.weight)


def test_an_infinite_gradient_in_float32_stops_before_it_reaches_the_weights(tmp_path):
    backend = ToyBackend(SETTINGS, overflows_at=(3,))
    with pytest.raises(NotFiniteError, match=r"step 3 of 6 .*gradient is infinite"):
        run(tmp_path, backend)
    assert np.isfinite(backend.weight).all()


def test_float16_leaves_out_a_step_that_overflows(tmp_path):
    backend = ToyBackend(SETTINGS, "float16", overflows_at=(2, 3))
    plain = ToyBackend(SETTINGS, "float16")
    facts, _ = run(tmp_path / "a", backend)
    run(tmp_path / "b", plain)
    assert facts["steps"] == 6
    assert (backend.updates, plain.updates) == (4, 6)
    assert backend._scale.value == plain._scale.value / 4


def test_float16_gives_up_after_twenty_overflows_in_a_row(tmp_path):
    settings = SETTINGS._replace(steps=30)
    backend = ToyBackend(settings, "float16", overflows_at=range(4, 31))
    with pytest.raises(NotFiniteError, match=r"step 23 of 30 .*float16 gradient overflowed 20 times in a row"):
        run(tmp_path, backend, settings)


def test_the_loss_scale_is_part_of_a_checkpoint(tmp_path):
    scale = LossScale(dynamic=True)
    scale.overflowed()
    scale.save(tmp_path)
    again = LossScale(dynamic=True)
    again.restore(tmp_path)
    assert vars(again) == vars(scale)
    assert again.value == LossScale.FIRST / 2


def test_the_loss_scale_doubles_after_many_good_steps():
    scale = LossScale(dynamic=True)
    for _ in range(LossScale.GROWTH_STEPS):
        scale.applied()
    assert scale.value == 2 * LossScale.FIRST


def test_training_stops_when_the_loss_does(tmp_path):
    settings = SETTINGS._replace(steps=400, patience=8, learning_rate=0.02, warmup_steps=0, checkpoint_seconds=1000.0)
    facts, events = run(tmp_path, ToyBackend(settings), settings)
    assert facts["stopped_early"]
    assert 13 <= facts["steps"] < 400
    assert facts["steps"] == len(facts["history"]) == len(of_kind(events, "step"))
    assert "has stopped falling: global stage ended after" in facts["notes"][0]


def steps_until(plateau, losses):
    return next((number for number, loss in enumerate(losses, 1) if plateau.reached(loss)), None)


def test_a_plateau_is_a_moving_average_without_a_better_one():
    assert steps_until(Plateau(6), [1.0] * 50) == 5 + 6
    assert steps_until(Plateau(6), [1.0 - 0.01 * step for step in range(90)]) is None
    # Less than one thousandth better counts as not better.
    assert steps_until(Plateau(6), [1.0 - 0.00001 * step for step in range(50)]) == 5 + 6
    assert steps_until(Plateau(40), [1.0] * 90) == 10 + 40
    assert steps_until(Plateau(0), [1.0] * 500) is None


def test_images_of_no_volume_are_trained_with_g_r_and_measured_by_views(tmp_path):
    backend = ToyBackend(SETTINGS)
    facts, events = run(tmp_path, backend, data=data_of(volumes=False))
    assert facts["loss"] == "g_r"
    assert facts["evidence"]["measure"] == "view"
    assert facts["evidence"]["chance"] == pytest.approx(1 / 31)
    assert "g_r" in facts["notes"][0]
    assert [event["text"] for event in of_kind(events, "note")] == facts["notes"]
    assert {seen[2] for seen in backend.seen} == {8}


def test_too_few_evaluation_subjects_for_a_batch_are_said(tmp_path):
    facts, _ = run(tmp_path, ToyBackend(SETTINGS), data=data_of(evaluation=2))
    assert facts["heldout_loss"]["subjects"] == "pretraining"
    assert "evaluation subjects fill no batch" in facts["notes"][0]
    assert facts["evidence"]["measure"] == "partition"


def test_too_few_pretraining_subjects_are_an_error(tmp_path):
    with pytest.raises(TrainingError, match="volumes"):
        run(tmp_path, ToyBackend(SETTINGS), data=data_of(pretraining=2))


def test_trouble_while_a_batch_is_prepared_is_not_lost(tmp_path):
    data = data_of()
    broken = data._replace(images=data.images[:6])
    with pytest.raises(IndexError):
        run(tmp_path, ToyBackend(SETTINGS), data=broken)
