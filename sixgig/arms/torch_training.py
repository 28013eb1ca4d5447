"""Train in this process, with PyTorch: the card to oneself, smaller passes when it is full, facts for the sidecar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sixgig.arms.following import Follower
from sixgig.gpu.alone import card_alone
from sixgig.gpu.ladder import Rung, climb_down, rungs
from sixgig.runtime.attempts import fallbacks as memory_fallbacks
from sixgig.runtime.monitor import peak_rss_mb, peak_vram_mb

if TYPE_CHECKING:
    from sixgig.arms.pretrain_job import PretrainJob
    from sixgig.gpu.device import Device
    from sixgig.training.run import Report

_Learned = TypeVar("_Learned")


def train_in_torch(
    job: PretrainJob,
    device: Device,
    micro_batch: int,
    loss: str,
    notes: Sequence[str],
    attempt: Callable[[Rung, Report], tuple[_Learned, dict[str, Any]]],
) -> tuple[_Learned, dict[str, Any]]:
    """Train with one rung of the ladder after the other until one has enough memory.

    Args:
        job: What is trained.
        device: What it is trained on.
        micro_batch: Items that pass the network at once, to begin with.
        loss: Name of the loss, for people.
        notes: What the user should know before it begins.
        attempt: Trains as a rung says, and returns what was learned and the facts.

    Returns:
        What was learned, and the facts of a sidecar.
    """
    import torch

    framework = f"PyTorch {torch.__version__}"
    with (
        Follower(job, {"framework": framework, "loss": loss}, notes) as follower,
        card_alone(device.card, job.label, job.series) as watch,
    ):

        def report(event: Mapping[str, Any]) -> None:
            follower.report(event)
            watch.cool_down()

        (learned, facts), rung, given_up = climb_down(
            lambda rung: attempt(rung, report),
            rungs(micro_batch, device.kind, trains=True),
            clean_up=torch.cuda.empty_cache,
        )
    facts["fallbacks"] = [*device.fallbacks, *facts["fallbacks"], *given_up, *memory_fallbacks()]
    facts["notes"] = [*notes, *facts["notes"]]
    facts |= {"backend": "torch", "framework": framework, "versions": {"torch": torch.__version__}}
    facts |= {"device": rung.device, "dtype": device.dtype_on(rung.device), "gpu": watch.summary()}
    facts |= {"peak_vram_mb": peak_vram_mb(), "peak_rss_mb": peak_rss_mb()}
    return learned, facts
