"""The contrastive training step in PyTorch, for machines where TensorFlow 1 cannot use the card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sixgig.contrastive.backend import (
    ADAM,
    GLOBAL,
    Backend,
    LocalTarget,
    Target,
    check_restored,
    initial_heads,
    stage_of,
    trains,
)
from sixgig.contrastive.pytorch.losses import global_loss, local_loss, reference_local_loss, region_vectors
from sixgig.contrastive.settings import Settings
from sixgig.errors import TrainingError

if TYPE_CHECKING:
    from timm.models.vision_transformer import VisionTransformer

_FILE = "training.pt"


class TorchBackend(Backend):
    """A timm ViT, its projection heads and Adam.

    PyTorch's Adam divides by sqrt(v) / sqrt(1 - beta2^t) + epsilon. TensorFlow's adds epsilon to sqrt(v) before
    that correction, so its epsilon counts 1 / sqrt(1 - beta2^t) times as much: 32 times in the first step, falling to
    once. Only gradients of the size of epsilon (1e-8) are stepped along differently.

    Args:
        network: A timm ``VisionTransformer``, loaded; it is moved to the device and trained in place.
        architecture: Facts of :func:`sixgig.weights.export.export_vit` about it.
        settings: Of the training.
        device: ``cpu`` or ``cuda``.
        dtype: ``float32``, ``float16`` or ``bfloat16``; a CPU computes in float32 whatever it says.
        gradient_checkpointing: Recompute each block's activations in the backward pass instead of keeping them.
    """

    name = "torch"
    version = torch.__version__

    def __init__(
        self,
        network: nn.Module,
        architecture: Mapping[str, Any],
        settings: Settings,
        device: str = "cpu",
        dtype: str = "float32",
        gradient_checkpointing: bool = False,
    ) -> None:
        used = dtype if device == "cuda" else "float32"
        super().__init__(settings, device, used)
        if used != dtype:
            self.fallbacks.append(f"{used} instead of {dtype}: a CPU computes in float32")
        self._network = cast("VisionTransformer", network.to(device).eval())
        self._network.set_grad_checkpointing(gradient_checkpointing)
        self._prefix = int(architecture["class_token"]) + int(architecture["register_tokens"])
        self._grid = [int(side) for side in architecture["grid"]]
        self._autocast = torch.autocast(device, dtype=getattr(torch, used), enabled=used != "float32")
        self._freeze(settings.frozen_blocks)
        self._heads = self._draw_heads(int(architecture["width"]))
        self._stage = GLOBAL
        self.start_stage(GLOBAL)

    def _freeze(self, blocks: int) -> None:
        """Keep the first blocks and everything below them as they are; nothing is kept for their backward pass."""
        for name, parameter in self._network.named_parameters():
            block = int(name.split(".")[1]) if name.startswith("blocks.") else -1
            parameter.requires_grad_(blocks == 0 or name.startswith("norm.") or block >= blocks)

    def _draw_heads(self, width: int) -> dict[str, Tensor]:
        both = self._settings.token == "cls_mean" and self._prefix > 0
        settings = self._settings
        heads = initial_heads(2 * width if both else width, width, settings.seed, settings.reference_regions)
        return {name: torch.from_numpy(value).to(self.device).requires_grad_() for name, value in heads.items()}

    def _trained(self) -> dict[str, Tensor]:
        """All arrays that training changes, by name, in a fixed order."""
        network = {name: value for name, value in self._network.named_parameters() if value.requires_grad}
        return {**network, **self._heads}

    def _trains(self, name: str, stage: str) -> bool:
        return trains(name, stage, self._settings.reference_regions)

    def start_stage(self, stage: str) -> None:
        """Begin ``global`` or ``local`` training with a new optimiser and the present weights."""
        self._stage = stage
        parameters = [value for name, value in self._trained().items() if self._trains(name, stage)]
        # The learning rate comes with each step.
        self._adam = torch.optim.Adam(parameters, lr=0.0, betas=(ADAM["beta1"], ADAM["beta2"]), eps=ADAM["epsilon"])
        self._clear()

    def save(self, folder: Path) -> None:
        """Write what training changes. Frozen arrays are not written: they are those of the weights file."""
        arrays = {name: value.detach() for name, value in self._trained().items()}
        torch.save({"stage": self._stage, "arrays": arrays, "adam": self._adam.state_dict()}, folder / _FILE)
        self._scale.save(folder)

    def restore(self, folder: Path) -> None:
        """Read back what :meth:`save` wrote."""
        try:
            saved = torch.load(folder / _FILE, map_location=self.device, weights_only=True)
        except OSError as error:
            reason = f"has no {_FILE}: the checkpoint is not one of the PyTorch backend"
            raise TrainingError(folder, reason, "remove the checkpoint folder, then run again") from error
        trained = self._trained()
        check_restored(trained, saved["arrays"], folder)
        with torch.no_grad():
            for name, value in trained.items():
                value.copy_(saved["arrays"][name])
        self.start_stage(saved["stage"])
        self._adam.load_state_dict(saved["adam"])
        self._scale.restore(folder)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return every array of the ViT by its name in timm, float32; no projection heads."""
        parameters = self._network.named_parameters()
        # A copy: on a CPU the array would share the parameter's memory, which training goes on changing.
        return {
            name: value.detach().float().cpu().numpy().copy()
            for name, value in parameters
            if not name.startswith(("head.", "fc_norm."))
        }

    def _images(self, images: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(images)).to(self.device).permute(0, 3, 1, 2)

    def _tokens(self, images: np.ndarray) -> Tensor:
        tokens: Tensor = self._network.forward_features(self._images(images))
        return tokens.float()

    def _pooled(self, tokens: Tensor) -> Tensor:
        from sixgig.weights.tokens import token_features

        features: Tensor = token_features(tokens, self._prefix, self._settings.token)
        return features

    def _embedding(self, images: np.ndarray, stage: str) -> Tensor:
        with self._autocast:
            tokens = self._tokens(images)
            inputs = self._pooled(tokens) if stage == GLOBAL else tokens[:, self._prefix :]
            reference = stage != GLOBAL and self._settings.reference_regions
            if reference:  # the network below stays as it is
                inputs = inputs.detach()
            hidden = functional.linear(inputs, self._heads[f"{stage}_head.0.weight"]).relu()
            projected = functional.linear(hidden, self._heads[f"{stage}_head.1.weight"])
            if reference:
                projected = region_vectors(projected, self._grid, self._heads["local_head.2.weight"])
            return projected.float()

    def _loss(self, embeddings: Tensor, target: Target) -> Tensor:
        temperature = self._settings.temperature
        if isinstance(target, LocalTarget):
            loss_of = reference_local_loss if self._settings.reference_regions else local_loss
            return loss_of(embeddings, self._grid, temperature)
        return global_loss(embeddings, target.anchors, target.positives, target.negatives, target.weight, temperature)

    @torch.no_grad()
    def _embed(self, images: np.ndarray, stage: str) -> np.ndarray:
        embedding: np.ndarray = self._embedding(images, stage).cpu().numpy()
        return embedding

    def _loss_gradient(self, embeddings: np.ndarray, target: Target) -> tuple[float, np.ndarray]:
        leaf = torch.from_numpy(embeddings).to(self.device).requires_grad_()
        loss = self._loss(leaf, target)
        loss.backward()
        assert leaf.grad is not None
        return loss.item(), leaf.grad.cpu().numpy()

    def _pull_back(self, images: np.ndarray, stage: str, gradient: np.ndarray, first: bool) -> None:
        if first:
            self._clear()
        self._embedding(images, stage).backward(torch.from_numpy(gradient).to(self.device))

    def _accumulate_whole(self, images: np.ndarray, target: Target, scale: float) -> float:
        self._clear()
        loss = self._loss(self._embedding(images, stage_of(target)), target)
        (loss * scale).backward()
        return loss.item()

    def _clear(self) -> None:
        for value in self._trained().values():
            value.grad = None

    def _gradients(self) -> Iterator[tuple[str, Tensor]]:
        for name, value in self._trained().items():
            if value.grad is not None:
                yield name, value.grad

    def _gradient(self, stage: str) -> dict[str, np.ndarray]:
        return {name: value.cpu().numpy().copy() for name, value in self._gradients()}

    def _gradient_is_finite(self) -> bool:
        return bool(torch.stack([value.isfinite().all() for _, value in self._gradients()]).all())

    def _update(self, learning_rate: float) -> None:
        if self._scale.value != 1.0:
            for _, value in self._gradients():
                value.div_(self._scale.value)
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        self._adam.step()

    def _features(self, images: np.ndarray) -> np.ndarray:
        with torch.no_grad(), self._autocast:
            features: np.ndarray = self._pooled(self._tokens(images)).float().cpu().numpy()
        return features
