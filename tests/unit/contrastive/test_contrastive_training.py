"""The training loop, with a backend simple enough to follow, and with the real one of PyTorch."""

import json

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from sixgig.contrastive.backend import Backend, LocalTarget, LossScale
from sixgig.contrastive.checkpoints import CheckpointStore
from sixgig.contrastive.errors import ContrastiveError, NotFiniteError
from sixgig.contrastive.measurement import TrainingData
from sixgig.contrastive.pytorch.backend import TorchBackend
from sixgig.contrastive.sampling import Pool
from sixgig.contrastive.settings import Settings
from sixgig.contrastive.training import Plateau, train
from sixgig.weights.export import export_vit

SETTINGS = Settings(
    loss="g_d",
    batch_size=4,
    partitions=2,
    steps=6,
    local_steps=0,
    learning_rate=0.1,
    warmup_steps=4,
    temperature=0.1,
    crop_fraction=0.75,
    brightness=0.3,
    contrast_low=0.7,
    contrast_high=1.3,
    frozen_blocks=0,
    micro_batch_size=0,
    token="cls",
    patience=0,
    precision="float32",
    reference_batching=False,
    seed=7,
    threads=1,
    evidence_images=16,
    evidence_batches=2,
    checkpoint_seconds=0.0,
)


class ToyBackend(Backend):
    """Mean colour times a matrix, pulled towards ones; gradient descent. It ignores what the target compares.

    Args:
        nan_at: The loss of this update is not a number.
        overflows_at: The gradients of these updates are infinite.
    """

    name, version = "toy", "1"

    def __init__(self, settings, dtype="float32", nan_at=None, overflows_at=()):
        super().__init__(settings, "cpu", dtype)
        self.weight = np.eye(3)
        self.seen = []
        self.stages = []
        self.measured = self.updates = 0
        self._calls, self._nan_at, self._overflows_at = 0, nan_at, overflows_at

    def start_stage(self, stage):
        self.stages.append(stage)

    def save(self, folder):
        np.save(folder / "weight.npy", self.weight)
        self._scale.save(folder)

    def restore(self, folder):
        self.weight = np.load(folder / "weight.npy")
        self._scale.restore(folder)

    def arrays(self):
        return {"weight": self.weight.copy()}

    def _inputs(self, images):
        return images.mean(axis=(1, 2), dtype=float)

    def _embed(self, images, stage):
        return self._inputs(images) @ self.weight

    def _loss_gradient(self, embeddings, target):
        difference = embeddings - 1
        loss = float(np.nan if self._calls == self._nan_at else (difference**2).mean())
        return loss, 2 * difference / difference.size

    def _pull_back(self, images, stage, gradient, first):
        self._sum = (0 if first else self._sum) + self._inputs(images).T @ gradient

    def _accumulate_whole(self, images, target, scale):
        self.seen.append((round(float(images.sum()), 2), type(target).__name__, len(images)))
        self._calls += 1
        loss, gradient = self._loss_gradient(self._embed(images, ""), target)
        self._pull_back(images, "", gradient * scale, True)
        if self._calls in self._overflows_at:
            self._sum = self._sum * np.inf
        return loss

    def _gradient(self, stage):
        return {"weight": self._sum}

    def _gradient_is_finite(self):
        return bool(np.isfinite(self._sum).all())

    def _update(self, learning_rate):
        self.updates += 1
        self.weight = self.weight - learning_rate * self._sum / self._scale.value

    def _features(self, images):
        self.measured += 1
        return self._embed(images, "")


def pool_of(subjects, first, volumes=True):
    """One volume per subject, two slices in each of two partitions."""
    n = 4 * subjects
    subject = first + np.arange(n) // 4
    partition = np.arange(n) % 4 // 2
    if not volumes:
        return Pool(4 * first + np.arange(n), subject, np.full(n, -1), np.full(n, -1))
    return Pool(4 * first + np.arange(n), subject, subject.copy(), partition)


def data_of(pretraining=5, evaluation=5, side=28, volumes=True):
    """Slices of partition 1 have a bright square that those of partition 0 lack."""
    pools = pool_of(pretraining, 0, volumes), pool_of(evaluation, pretraining, volumes)
    random = np.random.RandomState(0)
    images = random.randint(0, 120, (4 * (pretraining + evaluation), side, side, 3)).astype(np.uint8)
    images[np.arange(len(images)) % 4 >= 2, side // 4 : side // 2, side // 4 : side // 2] += 120
    return TrainingData(images, *pools, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


class KilledError(Exception):
    """Stands for the end of the process."""


def run(folder, backend, settings=SETTINGS, data=None, kill_after=None):
    """Train; returns the facts (None when killed) and the events."""
    events = []

    def report(event):
        events.append(json.loads(json.dumps(event)))
        if kill_after is not None and event["event"] == "step" and event["step"] == kill_after:
            raise KilledError

    try:
        facts = train(backend, data or data_of(), settings, CheckpointStore(folder), report)
    except KilledError:
        facts = None
    return facts, events


def of_kind(events, kind):
    return [event for event in events if event["event"] == kind]


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
    with pytest.raises(ContrastiveError, match=r"of other settings \(temperature\)"):
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
    with pytest.raises(ContrastiveError, match="volumes"):
        run(tmp_path, ToyBackend(SETTINGS), data=data_of(pretraining=2))


def test_trouble_while_a_batch_is_prepared_is_not_lost(tmp_path):
    data = data_of()
    broken = data._replace(images=data.images[:6])
    with pytest.raises(IndexError):
        run(tmp_path, ToyBackend(SETTINGS), data=broken)


def torch_backend(settings):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = VisionTransformer(img_size=28, patch_size=4, embed_dim=24, depth=2, num_heads=2, num_classes=0)
    network.pretrained_cfg = {"architecture": "tiny"}
    _, facts = export_vit(network, (0.5,) * 3, (0.25,) * 3)
    return TorchBackend(network, facts, settings)


TORCH = SETTINGS._replace(
    steps=25, local_steps=4, learning_rate=2e-3, evidence_batches=4, micro_batch_size=6, checkpoint_seconds=1000.0
)


@pytest.fixture(scope="module")
def torch_run(tmp_path_factory):
    backend = torch_backend(TORCH)
    return run(tmp_path_factory.mktemp("torch"), backend, TORCH)[0], backend.arrays()


def test_torch_learns_to_tell_partitions(torch_run):
    facts, _ = torch_run
    assert facts["heldout_loss"]["after"] < 0.8 * facts["heldout_loss"]["before"]
    assert facts["evidence"]["after"] >= max(0.9, facts["evidence"]["before"])


@pytest.mark.parametrize("kill_after", [7, 27])
def test_torch_resumes_to_the_same_bits(tmp_path, torch_run, kill_after):
    wanted, arrays = torch_run
    often = TORCH._replace(checkpoint_seconds=0.0)
    run(tmp_path, torch_backend(often), often, kill_after=kill_after)
    backend = torch_backend(TORCH)
    found, _ = run(tmp_path, backend, TORCH)
    assert found["resumed_at"] == kill_after - 1
    assert found["history"] == wanted["history"]
    assert found["evidence"] == wanted["evidence"]
    for name, value in backend.arrays().items():
        assert np.array_equal(value, arrays[name]), name


def test_torch_refuses_checkpoints_of_another_network(tmp_path):
    run(tmp_path, torch_backend(TORCH), TORCH._replace(checkpoint_seconds=0.0), kill_after=2)
    frozen = TORCH._replace(frozen_blocks=1)
    with pytest.raises(ContrastiveError, match=r"of another training: \d+ arrays differ \(first: blocks.0"):
        run(tmp_path, torch_backend(frozen), frozen)


def test_torch_refuses_checkpoints_of_another_backend(tmp_path):
    run(tmp_path, ToyBackend(TORCH), TORCH, kill_after=2)
    with pytest.raises(ContrastiveError, match="not one of the PyTorch backend"):
        run(tmp_path, torch_backend(TORCH), TORCH)


def test_torch_stops_on_weights_that_are_not_numbers(tmp_path):
    backend = torch_backend(TORCH)
    backend.start_stage("local")
    images = np.zeros((8, 28, 28, 3), np.float32)
    images[0, 0, 0, 0] = np.nan
    before = backend.arrays()
    with pytest.raises(NotFiniteError, match="the loss is nan"):
        backend.step(images, LocalTarget(8), 1e-3)
    assert all(np.array_equal(value, before[name]) for name, value in backend.arrays().items())
