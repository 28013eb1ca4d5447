"""Run the contrastive training on one of its backends: where checkpoints are, what the GPU allows, what people see."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sixgig.arms.following import Follower
from sixgig.arms.torch_training import train_in_torch
from sixgig.arms.vit_contrastive.process import CardFullError, Tensorflow1Process
from sixgig.contrastive.measurement import TrainingData
from sixgig.contrastive.sampling import Pool
from sixgig.contrastive.settings import Settings
from sixgig.contrastive.training import train
from sixgig.errors import ArmError
from sixgig.gpu.alone import card_alone
from sixgig.gpu.card import first_card
from sixgig.gpu.choice import take_free_card
from sixgig.gpu.device import choose_device
from sixgig.gpu.ladder import Rung, climb_down, rungs
from sixgig.runtime.atomic import read_json
from sixgig.runtime.attempts import fallbacks as memory_fallbacks
from sixgig.runtime.attempts import fewer
from sixgig.runtime.progress import tell
from sixgig.training.arrays import read_arrays, write_arrays
from sixgig.training.checkpoints import CheckpointStore
from sixgig.weights.export import import_vit
from sixgig.weights.loading import load_backbone
from sixgig.weights.tokens import token_features

if TYPE_CHECKING:
    from torch import nn

    from sixgig.arms.pretrain_job import PretrainJob
    from sixgig.training.run import Report

#: What the activations of one pass may take on a CPU, in bytes; the user has 5 GB free in all.
_CPU_BUDGET = 1.5e9
#: Images of the network per slice of the batch: originals, views and partners.
_IMAGES_PER_SLICE = {"g_d": 4, "g_d_minus": 3, "g_r": 2}

#: Largest difference between the features of the two environments, relative to the largest feature.
_HANDOVER_TOLERANCE = {"float32": 1e-3, "float16": 5e-2}

#: Trained arrays under timm's names, facts with the loss curve, and the folder of checkpoints.
Outcome = tuple[dict[str, np.ndarray], dict[str, Any], Path]


@dataclass(frozen=True)
class Training:
    """A training that has been checked and can begin.

    Attributes:
        job: The job it belongs to.
        arrays: The backbone's parameters under timm's names.
        architecture: The facts that :func:`sixgig.weights.export.export_vit` gives.
        pretraining: Images to learn from.
        evaluation: Images of the evaluation subjects, for measuring only.
        settings: Everything else the training depends on.
        notes: What the user should know, in words.
    """

    job: PretrainJob
    arrays: Mapping[str, np.ndarray]
    architecture: Mapping[str, Any]
    pretraining: Pool
    evaluation: Pool
    settings: Settings
    notes: list[str]

    def folder(self, backend: str, device: str, dtype: str) -> Path:
        """Return the folder of the checkpoints; how many images pass at a time is not part of its key."""
        settings = self.settings._replace(micro_batch_size=0, threads=0, precision=dtype).as_dict()
        return self.job.checkpoint_folder(backend=backend, device=device, settings=settings)

    def batch_images(self) -> int:
        """Return how many images the network sees in one step."""
        return self.settings.batch_size * _IMAGES_PER_SLICE[self.settings.loss]

    def first_micro_batch(self, device: str) -> int:
        """Return how many images to pass at a time: what the user asks for, else all that are likely to fit."""
        images = self.batch_images()
        if self.settings.micro_batch_size:
            return fewer(min(self.settings.micro_batch_size, images))
        if device == "cuda":
            return images
        return fewer(min(images, max(1, int(_CPU_BUDGET / self._activation_bytes()))))

    def _activation_bytes(self) -> float:
        """Estimate what the backward pass of one image needs of the forward pass, in float32."""
        facts = self.architecture
        tokens = int(np.prod(facts["grid"])) + int(facts["class_token"]) + int(facts["register_tokens"])
        per_block = tokens * (14 * facts["width"] + 3 * facts["mlp_width"]) + 3 * facts["heads"] * tokens**2
        return 4.0 * per_block * max(1, facts["depth"] - self.settings.frozen_blocks)


def train_in_tensorflow1(training: Training, python: str, found: Mapping[str, Any]) -> Outcome:
    """Train in the TensorFlow 1 environment, in a process of its own.

    Args:
        training: What to train.
        python: Interpreter of that environment.
        found: What the check of the environment found.

    Raises:
        ArmError: The process stopped with a reason, or ended without one.
    """
    job = training.job
    use_gpu = found["device"] == "cuda" and job.device != "cpu"
    if use_gpu:
        take_free_card(tell)
    card = first_card() if use_gpu else None
    device, dtype = ("cuda", _tensorflow_type(job.options["precision"])) if card else ("cpu", "float32")
    fallbacks = []
    if job.options["precision"] not in ("auto", dtype):
        fallbacks.append(f"{dtype} instead of {job.options['precision']}: TensorFlow 1 has no other on this device")
    versions = found["versions"]
    folder = training.folder(f"TensorFlow {versions['tensorflow']}", device, dtype)
    pools = {
        f"{name}_{field}": getattr(pool, field)
        for name, pool in (("pretraining", training.pretraining), ("evaluation", training.evaluation))
        for field in Pool._fields
    }
    write_arrays(folder / "weights.npz", training.arrays, training.architecture)
    write_arrays(folder / "pools.npz", pools, {})
    framework = f"TensorFlow {versions['tensorflow']}"
    with (
        Follower(job, {"framework": framework, "loss": training.settings.loss}, training.notes) as follower,
        card_alone(card.uuid if card else None, job.label, job.series) as watch,
    ):
        # The card that is locked is the only one that the other process sees.
        seen = {"CUDA_VISIBLE_DEVICES": card.cuda_name} if card is not None else {}
        process = Tensorflow1Process(python, folder, job.threads, follower.report, seen, watch.cool_down)

        def run(rung: Rung) -> None:
            on_card = rung.device == "cuda"
            settings = training.settings._replace(
                micro_batch_size=rung.batch_size if on_card else training.first_micro_batch("cpu"),
                precision=dtype if on_card else "float32",
            )
            fraction = card.fraction(job.memory_limit_mb) if card is not None else 1.0
            process.train(
                {
                    "settings": settings.as_dict(),
                    "weights": str(folder / "weights.npz"),
                    "pools": str(folder / "pools.npz"),
                    "images": str(job.images),
                    "checkpoints": str(folder / "checkpoints"),
                    "output": str(folder / "trained.npz"),
                    "handover": str(folder / "handover.npz"),
                    "facts": str(folder / "facts.json"),
                    "use_gpu": on_card,
                    "memory_fraction": fraction,
                }
            )

        ladder = rungs(training.first_micro_batch(device), device, trains=False)
        _, rung, given_up = climb_down(run, ladder, lambda error: isinstance(error, CardFullError))
    arrays, _ = read_arrays(folder / "trained.npz")
    facts = read_json(folder / "facts.json")
    facts["fallbacks"] = [*fallbacks, *facts.get("fallbacks", []), *given_up, *memory_fallbacks()]
    facts |= {"backend": "tensorflow1", "framework": framework, "versions": versions, "gpu": watch.summary()}
    facts |= {"device": rung.device, "dtype": dtype if rung.device == "cuda" else "float32"}
    facts["notes"] = [*training.notes, *facts.get("notes", [])]
    facts["handover"] = check_handover(training, arrays, folder / "handover.npz", facts["dtype"])
    return arrays, facts, folder


def check_handover(training: Training, arrays: Mapping[str, np.ndarray], handed: Path, dtype: str) -> dict[str, Any]:
    """Compare the features of a few images that both environments compute with the trained weights.

    What encodes the cohort is the timm network with these weights; this shows that it is the network that was trained.

    Args:
        training: The training.
        arrays: What it led to.
        handed: Rows of images.npy and their features, from the other environment.
        dtype: What the other environment computed in.

    Returns:
        ``relative_difference`` (largest difference over the largest value) and ``images``.

    Raises:
        ArmError: The features differ by more than rounding.
    """
    import torch

    network = load_backbone(training.job.weights, int(training.architecture["image_size"]))
    import_vit(network, arrays)
    found, _ = read_arrays(handed)
    images = torch.from_numpy(np.asarray(training.job.load_images()[found["rows"]])).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(training.architecture[name]).reshape(1, 3, 1, 1) for name in ("mean", "std"))
    with torch.inference_mode():
        tokens = network.forward_features((images - mean) / std)  # type: ignore[operator]
        own = token_features(tokens, int(network.num_prefix_tokens), training.settings.token).numpy()  # type: ignore[arg-type]
    difference = float(np.abs(own - found["features"]).max() / np.abs(own).max())
    if not difference <= _HANDOVER_TOLERANCE[dtype]:
        raise ArmError(
            "the trained weights",
            f"give features in PyTorch that differ by {difference:.2g} from those in TensorFlow 1",
            "run it again with device: cpu, and report both logs: one of the environments computes wrongly",
        )
    return {"relative_difference": difference, "images": len(own)}


def _tensorflow_type(precision: str) -> str:
    return "float32" if precision == "float32" else "float16"


def train_here(training: Training, network: nn.Module) -> Outcome:
    """Train in this process, with PyTorch.

    Args:
        training: What to train.
        network: The timm network that the arrays were exported from; it is left as it is.

    Raises:
        TrainingError: Training failed.
        GpuError: The study asks for a GPU that cannot be used.
    """
    import torch

    from sixgig.contrastive.pytorch.backend import TorchBackend

    job, architecture = training.job, training.architecture
    torch.set_num_threads(max(1, job.threads))
    device = choose_device(job.device, job.options["precision"], job.memory_limit_mb).for_training()
    folder = training.folder(f"PyTorch {torch.__version__}", device.kind, device.dtype)
    mean, std = tuple(architecture["mean"]), tuple(architecture["std"])
    data = TrainingData(job.load_images(), training.pretraining, training.evaluation, mean, std)

    def attempt(rung: Rung, report: Report) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        micro_batch = rung.batch_size if rung.device == "cuda" else training.first_micro_batch("cpu")
        dtype = device.dtype_on(rung.device)
        settings = training.settings._replace(micro_batch_size=micro_batch, precision=dtype)
        backend = TorchBackend(
            copy.deepcopy(network), architecture, settings, rung.device, dtype, rung.gradient_checkpointing
        )
        found = train(backend, data, settings, CheckpointStore(folder / "checkpoints"), report)
        return backend.arrays(), found

    micro_batch, loss = training.first_micro_batch(device.kind), training.settings.loss
    return *train_in_torch(job, device, micro_batch, loss, training.notes, attempt), folder
