"""The sums of the self-test: inputs, results by NumPy in float64, results by TensorFlow on a device."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

_DEVICES = {"cpu": "/cpu:0", "cuda": "/gpu:0"}


def inputs() -> dict[str, np.ndarray]:
    """Return the same float32 arrays every time, large enough for the kernels that training uses."""
    random = np.random.RandomState(0)
    shapes = {
        "left": (192, 384),
        "right": (384, 256),
        "images": (4, 30, 30, 8),
        "kernel": (3, 3, 8, 16),
        "logits": (128, 65),
    }
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def expected(given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the right results, float64.

    Args:
        given: Arrays from :func:`inputs`.

    Returns:
        ``matmul`` (left right), ``convolution`` (of images by kernel, no padding), ``softmax`` (of the rows of logits)
        and ``gradient`` (of the sum of squares of tanh(left right / 20), with respect to right).
    """
    left, right, images, kernel, logits = (
        given[name].astype(np.float64) for name in ("left", "right", "images", "kernel", "logits")
    )
    product = left @ right
    side = images.shape[1] - kernel.shape[0] + 1
    convolution = sum(
        images[:, row : row + side, column : column + side] @ kernel[row, column]
        for row in range(kernel.shape[0])
        for column in range(kernel.shape[1])
    )
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    squashed = np.tanh(product / 20)
    return {
        "matmul": product,
        "convolution": np.asarray(convolution),
        "softmax": powers / powers.sum(axis=1, keepdims=True),
        "gradient": left.T @ (2 * squashed * (1 - squashed**2) / 20),
    }


def compute(device: str, given: Mapping[str, np.ndarray], config: Any) -> dict[str, np.ndarray]:
    """Return TensorFlow's results under the names of :func:`expected`, float32.

    Args:
        device: ``cpu`` or ``cuda``.
        given: Arrays from :func:`inputs`.
        config: The session's ``ConfigProto``.
    """
    from sixgig.contrastive.tensorflow1.framework import tf

    config.allow_soft_placement = False  # a result of the CPU would prove nothing about the card
    with tf.Graph().as_default(), tf.device(_DEVICES[device]):
        tensors = {name: tf.placeholder(tf.float32, array.shape) for name, array in given.items()}
        product = tf.matmul(tensors["left"], tensors["right"])
        total = tf.reduce_sum(tf.square(tf.tanh(product / 20)))
        results = {
            "matmul": product,
            "convolution": tf.nn.conv2d(tensors["images"], tensors["kernel"], strides=1, padding="VALID"),
            "softmax": tf.nn.softmax(tensors["logits"]),
            "gradient": tf.gradients(total, tensors["right"])[0],
        }
        with tf.Session(config=config) as session:
            found = session.run(results, {tensors[name]: array for name, array in given.items()})
    return dict(found)
