"""A plain vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929) as a TensorFlow 1 graph.

The variables have timm's names and layout, so that the same arrays serve timm's network and this graph. DINOv2's
additions are covered: LayerScale (Touvron et al. 2021, arXiv 2103.17239) and register tokens (Darcet et al. 2024,
arXiv 2309.16588).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any, Mapping

import numpy as np

from sixgig.contrastive.tensorflow1.framework import tf
from sixgig.errors import TrainingError
from sixgig.training.arrays import misfits, parameter_shapes


class Vit:
    """Graph of a plain ViT; its variables are made in the graph that is the default one at construction.

    Attributes:
        facts: Facts about the architecture, from :func:`sixgig.weights.export.export_vit`.
        prefix_tokens: Tokens before the patches (class token, registers).
        variables: Every parameter by its name in timm, float32.
        trainable: Name and variable of the parameters that are not frozen.

    Args:
        facts: As given.
        compute_dtype: ``float32``, or ``float16`` for matrix products and activations in half precision; variables,
            residual stream, LayerNorm and softmax stay float32.
        frozen_blocks: When k > 0, patch embedding, class and register tokens, positions and the first k blocks get no
            gradient, and nothing of them is kept for the backward pass.

    Raises:
        TrainingError: The facts, the type or the number of frozen blocks are impossible.
    """

    def __init__(self, facts: Mapping[str, Any], compute_dtype: str = "float32", frozen_blocks: int = 0) -> None:
        self.facts = dict(facts)
        self._shapes = parameter_shapes(facts)
        self._place = "backbone {}".format(facts.get("model", "without a name"))
        self._check(compute_dtype, frozen_blocks)
        self.prefix_tokens = int(facts["class_token"]) + int(facts["register_tokens"])
        self._dtype = tf.as_dtype(compute_dtype)
        self._frozen_blocks = frozen_blocks
        self.variables: OrderedDict[str, tf.Variable] = OrderedDict()
        self.trainable: list[tuple[str, tf.Variable]] = []
        for name, shape in self._shapes.items():
            trains = not self._is_frozen(name)
            # Zeros made by an operation: values never enter the GraphDef, which may not exceed 2 GB.
            variable = tf.Variable(
                lambda shape=shape: tf.zeros(shape, tf.float32), trainable=trains, name=name, use_resource=True
            )
            self.variables[name] = variable
            if trains:
                self.trainable.append((name, variable))
        self._inputs = OrderedDict((name, tf.placeholder(tf.float32, shape)) for name, shape in self._shapes.items())
        self._assign = tf.group(*[self.variables[name].assign(value) for name, value in self._inputs.items()])

    def _check(self, compute_dtype: str, frozen_blocks: int) -> None:
        width, heads, depth = (int(self.facts[name]) for name in ("width", "heads", "depth"))
        if compute_dtype not in ("float32", "float16"):
            reason = f"there is no compute type {compute_dtype!r} in the TensorFlow 1 graph"
            raise TrainingError(self._place, reason, "set the precision to float32 or float16")
        if not 0 <= frozen_blocks <= depth:
            reason = f"cannot freeze {frozen_blocks} blocks: the backbone has {depth}"
            raise TrainingError(self._place, reason, f"set frozen_blocks to 0 to {depth}")
        if width % heads:
            reason = f"the width {width} is not a multiple of the {heads} heads"
            raise TrainingError(self._place, reason, "export the backbone again")

    def _is_frozen(self, name: str) -> bool:
        if not self._frozen_blocks or name.startswith("norm."):
            return False
        return not name.startswith("blocks.") or int(name.split(".")[1]) < self._frozen_blocks

    def initialise(self, session: tf.Session, arrays: Mapping[str, np.ndarray]) -> None:
        """Set every variable, through placeholders.

        Args:
            session: A session on the graph of the variables.
            arrays: Arrays by timm's names.

        Raises:
            TrainingError: An array is missing, unexpected or of another shape; the first of each are named.
        """
        problems = misfits(self._shapes, arrays)
        if problems:
            reason = f"the arrays do not fit it: {problems}"
            raise TrainingError(self._place, reason, "export the backbone again, at the image size of the study")
        session.run(self._assign, {self._inputs[name]: arrays[name] for name in self._shapes})

    def arrays(self, session: tf.Session) -> dict[str, np.ndarray]:
        """Return the value of every variable by timm's name, float32."""
        return dict(session.run(self.variables))

    def tokens(self, images: tf.Tensor) -> tf.Tensor:
        """Build the forward pass.

        Args:
            images: float32 [n, image_size, image_size, 3], normalised.

        Returns:
            Tokens after the last LayerNorm, float32 [n, prefix + patches, width].
        """
        n = tf.shape(images)[0]
        x = self._embed(images, n)
        for index in range(int(self.facts["depth"])):
            if self._frozen_blocks and index == self._frozen_blocks:
                x = tf.stop_gradient(x)
            x = self._block(x, n, f"blocks.{index}.")
        if self._frozen_blocks == self.facts["depth"]:
            x = tf.stop_gradient(x)
        x = self._norm(x, "norm", tf.float32)
        return tf.reshape(x, [n, self._count, int(self.facts["width"])])

    @property
    def _count(self) -> int:
        rows, columns = self.facts["grid"]
        return self.prefix_tokens + rows * columns

    def _embed(self, images: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
        """Return the residual stream before the first block, float32 [n * tokens, width]."""
        rows, columns = self.facts["grid"]
        patch, width = int(self.facts["patch_size"]), int(self.facts["width"])
        # Patches do not overlap: the convolution is one matrix product of [n * patches, patch * patch * 3].
        pixels = tf.reshape(images, [n * rows, patch, columns, patch * 3])
        pixels = tf.reshape(tf.transpose(pixels, [0, 2, 1, 3]), [n * rows * columns, patch * patch * 3])
        kernel = tf.transpose(self.variables["patch_embed.proj.weight"], [2, 3, 1, 0])
        kernel = tf.reshape(kernel, [patch * patch * 3, width])
        x = tf.matmul(tf.cast(pixels, self._dtype), tf.cast(kernel, self._dtype))
        x = tf.cast(x, tf.float32) + self.variables["patch_embed.proj.bias"]
        x = tf.reshape(x, [n, rows * columns, width])
        positions = tf.identity(self.variables["pos_embed"])
        if not self.facts["position_prefix"]:
            x = x + positions
        prefix = [
            tf.tile(self.variables[name], [n, 1, 1]) for name in ("cls_token", "reg_token") if name in self.variables
        ]
        x = tf.concat([*prefix, x], axis=1)
        if self.facts["position_prefix"]:
            x = x + positions
        # Blocks work on [n * tokens, width]: plain matrix products are faster than batched ones.
        return tf.reshape(x, [n * self._count, width])

    def _block(self, x: tf.Tensor, n: tf.Tensor, name: str) -> tf.Tensor:
        attended = self._attention(self._norm(x, name + "norm1", self._dtype), n, name + "attn.")
        x = x + self._scaled(attended, name + "ls1.gamma")
        hidden = self._linear(self._norm(x, name + "norm2", self._dtype), name + "mlp.fc1")
        hidden = self._linear(gelu(hidden), name + "mlp.fc2")
        return x + self._scaled(hidden, name + "ls2.gamma")

    def _attention(self, x: tf.Tensor, n: tf.Tensor, name: str) -> tf.Tensor:
        heads, width = int(self.facts["heads"]), int(self.facts["width"])
        size = width // heads
        qkv = tf.reshape(self._linear(x, name + "qkv"), [n, self._count, 3, heads, size])
        query, key, value = tf.unstack(tf.transpose(qkv, [2, 0, 3, 1, 4]), num=3)
        scores = tf.matmul(query * (size**-0.5), key, transpose_b=True)
        weights = tf.cast(tf.nn.softmax(tf.cast(scores, tf.float32)), self._dtype)
        mixed = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        return self._linear(tf.reshape(mixed, [n * self._count, width]), name + "proj")

    def _linear(self, x: tf.Tensor, name: str) -> tf.Tensor:
        y = tf.matmul(x, tf.cast(self.variables[name + ".weight"], self._dtype), transpose_b=True)
        bias = self.variables.get(name + ".bias")
        return y if bias is None else tf.nn.bias_add(y, tf.cast(bias, self._dtype))

    def _scaled(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Return a branch as float32, times its LayerScale when the backbone has one."""
        x = tf.cast(x, tf.float32)
        return x * self.variables[name] if name in self.variables else x

    def _norm(self, x: tf.Tensor, name: str, dtype: tf.DType) -> tf.Tensor:
        """Apply LayerNorm in float32 to [rows, width]."""
        weight, bias = self.variables[name + ".weight"], self.variables[name + ".bias"]
        centred = x - tf.reduce_mean(x, axis=1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=1, keepdims=True)
        y = centred * tf.rsqrt(variance + float(self.facts["norm_eps"])) * weight + bias
        return tf.cast(y, dtype)


@tf.custom_gradient
def gelu(x: tf.Tensor) -> Any:
    """Return x times the normal distribution function of x, exactly (Hendrycks and Gimpel 2016, arXiv 1606.08415).

    The gradient is written out: it keeps two tensors for the backward pass instead of five, and saves time.
    """
    distribution = 0.5 + 0.5 * tf.math.erf(x * (1.0 / math.sqrt(2.0)))

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        density = tf.exp(-0.5 * tf.square(x)) * (1.0 / math.sqrt(2.0 * math.pi))
        return upstream * (distribution + x * density)

    return x * distribution, gradient


def token_features(tokens: tf.Tensor, prefix_tokens: int, token: str) -> tf.Tensor:
    """Turn the tokens after the last LayerNorm into one vector per image, by the rule of the pure ViT arm.

    Args:
        tokens: [n, prefix + patches, width].
        prefix_tokens: Tokens before the patches (class token, registers).
        token: ``cls``, ``mean`` (of patch tokens) or ``cls_mean`` (both, concatenated).

    Returns:
        [n, width], or [n, 2 x width] for ``cls_mean``. A ViT without class token has only ``mean``.
    """
    mean = tf.reduce_mean(tokens[:, prefix_tokens:], axis=1)
    if token == "mean" or prefix_tokens == 0:
        return mean
    if token == "cls":
        return tokens[:, 0]
    return tf.concat([tokens[:, 0], mean], axis=1)
