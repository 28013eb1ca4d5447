"""Settings of one masked-image-modelling training, checked when they are made, before any time is spent."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sixgig.errors import ArmError

STANZA = "arms.vit_mim"
OBJECTIVES = ("mae", "simmim")
PRECISIONS = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """Everything that determines a training besides its data, its geometry and its first weights.

    Attributes:
        objective: ``mae`` (He et al. 2022, arXiv 2111.06377) or ``simmim`` (Xie et al. 2022, arXiv 2111.09886).
        mask_ratio: Share of the tokens that are masked, between 0 and 1.
        steps: Updates of the weights.
        batch_size: Crops or images behind one update.
        learning_rate: AdamW's, after the warm-up.
        minimum_learning_rate: At the last step; the cosine falls to it.
        warmup_steps: Steps over which the learning rate grows linearly.
        weight_decay: AdamW's, for the matrices; norms, biases, positions and tokens have none.
        seed: Of crops and masks.
        threads: CPU threads to compute with.
        micro_batch_size: Crops per forward and backward pass; 0 for the whole batch. The gradient is the same.
        clip: Largest norm of the gradient; 0 leaves it as it is.
        ema: Decay of the weights' moving average, which then is the result; 0 for none.
        gradient_checkpointing: Whether activations are computed again in the backward pass instead of kept.
        precision: ``float32``, ``float16`` or ``bfloat16``; a CPU computes in float32 whatever it says.
        checkpoint_seconds: Time between two checkpoints; 0 for one after every step.
        evaluation_items: Crops or images of evaluation subjects on which reconstruction is measured.
        reference: Whether masks are counted as in the published code: rounded down.

    Raises:
        ArmError: A value is out of its range; the key is named.
    """

    objective: str
    mask_ratio: float
    steps: int
    batch_size: int
    learning_rate: float
    minimum_learning_rate: float
    warmup_steps: int
    weight_decay: float
    seed: int
    threads: int
    micro_batch_size: int = 0
    clip: float = 1.0
    ema: float = 0.0
    gradient_checkpointing: bool = False
    precision: str = "float32"
    checkpoint_seconds: float = 60.0
    evaluation_items: int = 64
    reference: bool = False

    def __post_init__(self) -> None:
        for name, (rule, wanted) in _RULES.items():
            value = getattr(self, name)
            # A NaN fails every comparison made here, but infinity passes many.
            if (isinstance(value, float) and not math.isfinite(value)) or not rule(value):
                raise ArmError(f"{STANZA}.{name}", f"is {value!r}, must be {wanted}", "correct it in the study file")
        if self.minimum_learning_rate > self.learning_rate:
            raise ArmError(
                f"{STANZA}.minimum_learning_rate",
                f"is {self.minimum_learning_rate:g}, above learning_rate ({self.learning_rate:g})",
                "set it to learning_rate for a constant rate, or lower",
            )
        if self.warmup_steps >= self.steps:
            raise ArmError(
                f"{STANZA}.warmup_steps",
                f"is {self.warmup_steps}, and there are {self.steps} steps: the full learning rate is never used",
                f"set it to {self.steps // 10} (a tenth of the steps), or raise {STANZA}.steps",
            )

    @classmethod
    def from_stanza(cls, options: Mapping[str, Any], *, precision: str, seed: int, threads: int) -> Settings:
        """Read the arm's stanza in the config; its precision may be ``auto``, so what that stands for is given."""
        read = {field.name: options[field.name] for field in fields(cls) if field.name in options}
        return cls(**{**read, "precision": precision, "seed": seed, "threads": threads})

    @property
    def micro_batch(self) -> int:
        """Crops per forward and backward pass, never more than the batch has."""
        return min(self.micro_batch_size or self.batch_size, self.batch_size)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, in the order of the fields."""
        return asdict(self)


_Rule = Callable[[Any], bool]
_POSITIVE: tuple[_Rule, str] = (lambda value: value > 0, "above 0")
_AT_LEAST_1: tuple[_Rule, str] = (lambda value: value >= 1, "at least 1")
_NOT_NEGATIVE: tuple[_Rule, str] = (lambda value: value >= 0, "0 or more")
_RULES: Mapping[str, tuple[_Rule, str]] = {
    "objective": (lambda value: value in OBJECTIVES, "one of " + ", ".join(OBJECTIVES)),
    "mask_ratio": (lambda value: 0 < value < 1, "above 0 and below 1"),
    "steps": _AT_LEAST_1,
    "batch_size": _AT_LEAST_1,
    "learning_rate": _POSITIVE,
    "minimum_learning_rate": _NOT_NEGATIVE,
    "warmup_steps": _NOT_NEGATIVE,
    "weight_decay": _NOT_NEGATIVE,
    "seed": (lambda value: 0 <= value < 2**32, "0 to 4294967295"),
    "threads": _AT_LEAST_1,
    "micro_batch_size": _NOT_NEGATIVE,
    "clip": _NOT_NEGATIVE,
    "ema": (lambda value: 0 <= value < 1, "0 or more and below 1"),
    "precision": (lambda value: value in PRECISIONS, "one of " + ", ".join(PRECISIONS)),
    "checkpoint_seconds": _NOT_NEGATIVE,
    "evaluation_items": _AT_LEAST_1,
}
