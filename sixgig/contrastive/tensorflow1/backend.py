"""The contrastive training step as a TensorFlow 1 graph."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any, Mapping

import numpy as np

from sixgig.contrastive.backend import (
    ADAM,
    GLOBAL,
    LOCAL,
    Backend,
    LocalTarget,
    OutOfMemoryError,
    Target,
    initial_heads,
    stage_of,
    trains,
)
from sixgig.contrastive.settings import Settings
from sixgig.contrastive.tensorflow1.environment import session_config
from sixgig.contrastive.tensorflow1.framework import tf
from sixgig.contrastive.tensorflow1.losses import global_loss, local_loss, reference_local_loss, region_vectors
from sixgig.contrastive.tensorflow1.vit import Vit, token_features
from sixgig.errors import TrainingError
from sixgig.runtime.faults import MemoryShortError

_PREFIX = "training"


class _Stage:
    """The part of the graph that one stage needs besides the ViT.

    Attributes:
        embedding: [n, 128], or [n, patches, 64] for the local stage ([n, regions, 128] with the published regions). It
            may be fed, to get the loss of embeddings that were computed before.
        loss: Scalar.
        at_embedding: Gradient of the loss at the embeddings, of the same shape.
        seed: What is pulled back through the network: ``at_embedding`` times the loss scale, or what is fed.
        names: Names of the arrays that the stage trains.
        store: Replaces the gradient sums by this batch's gradients.
        add: Adds this batch's gradients to the sums.
        finite: Whether all gradient sums are finite.
        apply: One step of Adam with the sums, divided by the loss scale.
    """

    def __init__(
        self, embedding: Any, loss: Any, scale: Any, sums: Mapping[str, Any], trained: Mapping[str, Any], adam: Any
    ) -> None:
        self.embedding, self.loss = embedding, loss
        with warnings.catch_warnings():
            # The gradient of the losses' look-ups by index, some thousand numbers.
            warnings.filterwarnings("ignore", message="Converting sparse IndexedSlices")
            self.at_embedding = tf.gradients(loss, embedding)[0]
        self.seed = tf.placeholder_with_default(self.at_embedding * scale, embedding.shape)
        found = tf.gradients(embedding, list(trained.values()), grad_ys=self.seed)
        gradients = OrderedDict(
            (name, tf.convert_to_tensor(value)) for name, value in zip(trained, found) if value is not None
        )
        self.names = list(gradients)
        self.store = tf.group(*[sums[name].assign(value) for name, value in gradients.items()])
        self.add = tf.group(*[sums[name].assign_add(value) for name, value in gradients.items()])
        self.finite = tf.reduce_all(tf.stack([tf.reduce_all(tf.is_finite(sums[name])) for name in self.names]))
        self.apply = adam.apply_gradients([(sums[name] / scale, trained[name]) for name in self.names])


class TensorFlowBackend(Backend):
    """A ViT graph, its projection heads and Adam, in a session of their own.

    TensorFlow's Adam divides by sqrt(v) + epsilon before the correction of v by 1 - beta2^t, PyTorch's after it: this
    epsilon counts 1 / sqrt(1 - beta2^t) times as much, 32 times in the first step, falling to once. Only gradients of
    the size of epsilon (1e-8) are stepped along differently.

    Args:
        arrays: Arrays of the ViT by their names in timm.
        architecture: Facts of :func:`sixgig.weights.export.export_vit` about it.
        settings: Of the training. ``bfloat16`` becomes ``float16``, and a CPU computes in float32.
        device: ``cpu`` or ``cuda``.
        memory_fraction: Share of the GPU's memory that the session may take.
    """

    name = "tensorflow1"
    version = tf.VERSION if hasattr(tf, "VERSION") else tf.version.VERSION

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        architecture: Mapping[str, Any],
        settings: Settings,
        device: str = "cpu",
        memory_fraction: float = 1.0,
    ) -> None:
        asked = settings.precision
        dtype = "float32" if device == "cpu" or asked == "float32" else "float16"
        super().__init__(settings, device, dtype)
        if dtype != asked:
            why = "a CPU computes in float32" if device == "cpu" else "TensorFlow 1.15 has no bfloat16 on a GPU"
            self.fallbacks.append(f"{dtype} instead of {asked}: {why}")
        self._architecture = architecture
        graph = tf.Graph()
        with graph.as_default(), tf.device("/GPU:0" if device == "cuda" else "/CPU:0"):
            self._build(architecture, settings)
        graph.finalize()
        config = session_config(settings.threads, device, memory_fraction)
        self._session = tf.Session(graph=graph, config=config)
        self._run(self._initialise)
        self._vit.initialise(self._session, arrays)
        self._set_heads()

    def _build(self, architecture: Mapping[str, Any], settings: Settings) -> None:
        side, width = int(architecture["image_size"]), int(architecture["width"])
        self._vit = Vit(architecture, self.dtype, settings.frozen_blocks)
        prefix = self._vit.prefix_tokens
        both = settings.token == "cls_mean" and prefix > 0
        reference = settings.reference_regions
        self._heads = initial_heads(2 * width if both else width, width, settings.seed, reference)
        heads = OrderedDict(
            (name, tf.Variable(lambda value=value: tf.zeros(value.shape), name=name, use_resource=True))
            for name, value in self._heads.items()
        )
        self._head_inputs = {name: tf.placeholder(tf.float32, value.shape) for name, value in self._heads.items()}
        self._assign_heads = tf.group(*[heads[name].assign(value) for name, value in self._head_inputs.items()])
        self._images = tf.placeholder(tf.float32, [None, side, side, 3])
        self._scale_input = tf.placeholder_with_default(tf.constant(1.0), [])
        self._learning_rate = tf.placeholder_with_default(tf.constant(0.0), [])
        self._anchors, self._positives = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.int32, [None])
        self._negatives, self._weight = tf.placeholder(tf.bool, [None, None]), tf.placeholder(tf.float32, [])
        tokens = self._vit.tokens(self._images)
        self._pooled = token_features(tokens, prefix, settings.token)
        adam = tf.train.AdamOptimizer(self._learning_rate, ADAM["beta1"], ADAM["beta2"], ADAM["epsilon"])
        trained = OrderedDict([*self._vit.trainable, *heads.items()])
        sums = {
            name: tf.Variable(lambda value=value: tf.zeros(value.shape), trainable=False, use_resource=True)
            for name, value in trained.items()
        }
        self._sums = sums
        self._stages = {}
        embedding = _project(self._pooled, heads, GLOBAL)
        loss = global_loss(
            embedding, self._anchors, self._positives, self._negatives, self._weight, settings.temperature
        )
        own = OrderedDict((name, value) for name, value in trained.items() if trains(name, GLOBAL))
        self._stages[GLOBAL] = _Stage(embedding, loss, self._scale_input, sums, own, adam)
        if settings.local_steps:
            embedding = _project(tokens[:, prefix:], heads, LOCAL)
            grid = architecture["grid"]
            if reference:
                embedding = region_vectors(embedding, grid, heads["local_head.2.weight"])
            loss = (reference_local_loss if reference else local_loss)(embedding, grid, settings.temperature)
            own = OrderedDict((name, value) for name, value in trained.items() if trains(name, LOCAL, reference))
            self._stages[LOCAL] = _Stage(embedding, loss, self._scale_input, sums, own, adam)
        self._current = self._stages[GLOBAL]  # whose gradients are in the sums
        self._forget = tf.variables_initializer(adam.variables())
        self._initialise = tf.global_variables_initializer()
        self._saver = tf.train.Saver([*trained.values(), *adam.variables()], max_to_keep=None)

    def _run(self, fetches: Any, feed: Mapping[Any, Any] | None = None) -> Any:
        """Run the session; a full GPU becomes an :class:`OutOfMemoryError`."""
        try:
            return self._session.run(fetches, feed)
        except tf.errors.OpError as error:
            if not _is_out_of_memory(error):
                raise
            message = str(error.message).splitlines()[0]
            if self.device == "cpu":
                raise MemoryShortError("host memory", message, "lower micro_batch_size, or close programs") from error
            raise OutOfMemoryError("GPU memory", message, "pass fewer images at a time (micro_batch_size)") from error

    def _set_heads(self) -> None:
        self._run(self._assign_heads, {self._head_inputs[name]: value for name, value in self._heads.items()})

    def _target(self, target: Target) -> dict[Any, Any]:
        if isinstance(target, LocalTarget):
            return {}
        return {
            self._anchors: target.anchors,
            self._positives: target.positives,
            self._negatives: target.negatives,
            self._weight: target.weight,
        }

    def _of(self, stage: str) -> _Stage:
        if stage not in self._stages:
            raise TrainingError("settings: local_steps", "is 0, so the graph has no local stage", "set it above 0")
        return self._stages[stage]

    def start_stage(self, stage: str) -> None:
        """Begin ``global`` or ``local`` training with a new optimiser and the present weights."""
        self._of(stage)
        self._run(self._forget)

    def save(self, folder: Path) -> None:
        """Write what training changes. Frozen arrays are not written: they are those of the weights file."""
        try:
            self._saver.save(self._session, str(folder / _PREFIX), write_meta_graph=False, write_state=False)
        except tf.errors.OpError as error:
            raise OSError(str(error.message)) from error  # a full disk is not a full GPU
        self._scale.save(folder)

    def restore(self, folder: Path) -> None:
        """Read back what :meth:`save` wrote."""
        try:
            self._saver.restore(self._session, str(folder / _PREFIX))
        except (tf.errors.OpError, ValueError) as error:
            reason = f"does not hold this training: {str(error).splitlines()[0]}"
            raise TrainingError(folder, reason, "remove the checkpoint folder, then run again") from error
        self._scale.restore(folder)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return every array of the ViT by its name in timm, float32; no projection heads."""
        return self._vit.arrays(self._session)

    def close(self) -> None:
        """Close the session."""
        self._session.close()

    def _embed(self, images: np.ndarray, stage: str) -> np.ndarray:
        embedding: np.ndarray = self._run(self._of(stage).embedding, {self._images: images})
        return embedding

    def _loss_gradient(self, embeddings: np.ndarray, target: Target) -> tuple[float, np.ndarray]:
        graph = self._of(stage_of(target))
        loss, gradient = self._run(
            [graph.loss, graph.at_embedding], {graph.embedding: embeddings, **self._target(target)}
        )
        return float(loss), gradient

    def _pull_back(self, images: np.ndarray, stage: str, gradient: np.ndarray, first: bool) -> None:
        graph = self._of(stage)
        self._current = graph
        self._run(graph.store if first else graph.add, {self._images: images, graph.seed: gradient})

    def _accumulate_whole(self, images: np.ndarray, target: Target, scale: float) -> float:
        graph = self._of(stage_of(target))
        self._current = graph
        feed = {self._images: images, self._scale_input: scale, **self._target(target)}
        loss, _ = self._run([graph.loss, graph.store], feed)
        return float(loss)

    def _gradient(self, stage: str) -> dict[str, np.ndarray]:
        gradients: dict[str, np.ndarray] = self._run({name: self._sums[name] for name in self._of(stage).names})
        return gradients

    def _gradient_is_finite(self) -> bool:
        return bool(self._run(self._current.finite))

    def _update(self, learning_rate: float) -> None:
        self._run(self._current.apply, {self._scale_input: self._scale.value, self._learning_rate: learning_rate})

    def _features(self, images: np.ndarray) -> np.ndarray:
        features: np.ndarray = self._run(self._pooled, {self._images: images})
        return features


def _project(inputs: Any, heads: Mapping[str, Any], stage: str) -> Any:
    """Apply a projection head to the last axis; float32, as its output is compared."""
    first, second = (heads[f"{stage}_head.{layer}.weight"] for layer in (0, 1))
    width = inputs.shape[-1].value
    hidden = tf.nn.relu(tf.matmul(tf.reshape(inputs, [-1, width]), first, transpose_b=True))
    output = tf.matmul(hidden, second, transpose_b=True)
    if inputs.shape.ndims == 2:
        return output
    return tf.reshape(output, [-1, inputs.shape[1].value, second.shape[0].value])


def _is_out_of_memory(error: Any) -> bool:
    text = str(error.message)
    return isinstance(error, tf.errors.ResourceExhaustedError) or any(
        sign in text for sign in ("CUDA_ERROR_OUT_OF_MEMORY", "ALLOC_FAILED", "OOM when allocating")
    )
