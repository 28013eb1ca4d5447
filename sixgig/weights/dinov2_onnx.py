"""DINOv2 ViT-S/14 out of an ONNX graph that was exported from the Hugging Face implementation, for timm.

The export keeps the names of biases, norms and scales, but the matrix of each linear layer is an anonymous constant:
it is found through the layer's bias, which an Add applies to the output of the MatMul that holds the matrix.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

#: The timm model whose names the converter writes.
MODEL = "vit_small_patch14_dinov2"

# timm's name in a block -> the export's name in a layer.
_LINEAR = {"attn.proj": "attention.output.dense", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
_COPIED = {
    "norm1.weight": "norm1.weight",
    "norm1.bias": "norm1.bias",
    "norm2.weight": "norm2.weight",
    "norm2.bias": "norm2.bias",
    "ls1.gamma": "layer_scale1.lambda1",
    "ls2.gamma": "layer_scale2.lambda1",
}


def convert(data: bytes, model: str, place: str) -> dict[str, Tensor]:
    """Return timm's state dict of the backbone in an ONNX graph; whatever follows the backbone is left out.

    Args:
        data: Content of the ONNX file.
        model: timm model name, :data:`MODEL`.
        place: Where the file comes from, for error messages.

    Returns:
        float32 tensors under timm's names; position embeddings [1, 1 + 37 * 37, 384] at their native grid.

    Raises:
        WeightsError: The data are not such an ONNX graph, or the model is another one.
    """
    import numpy as np
    import torch

    if model.split(".")[0] != MODEL:
        raise WeightsError(
            place, f"the converter dinov2_onnx makes weights for {MODEL}, not {model}", f"set model: {MODEL}"
        )
    graph = _Graph(data, place)
    embeddings = "backbone.embeddings."
    state = {
        "cls_token": graph.constant(embeddings + "cls_token"),
        "pos_embed": graph.positions(),
        "patch_embed.proj.weight": graph.constant(embeddings + "patch_embeddings.projection.weight"),
        "patch_embed.proj.bias": graph.constant(embeddings + "patch_embeddings.projection.bias"),
        "norm.weight": graph.constant("backbone.layernorm.weight"),
        "norm.bias": graph.constant("backbone.layernorm.bias"),
    }
    for index in range(graph.count_layers()):
        layer, block = f"backbone.encoder.layer.{index}.", f"blocks.{index}."
        for ours, theirs in _COPIED.items():
            state[block + ours] = graph.constant(layer + theirs)
        for ours, theirs in _LINEAR.items():
            state[block + ours + ".weight"], state[block + ours + ".bias"] = graph.linear(layer + theirs)
        # timm computes query, key and value by one matrix, stacked in this order.
        parts = [graph.linear(layer + f"attention.attention.{part}") for part in ("query", "key", "value")]
        state[block + "attn.qkv.weight"] = np.concatenate([weight for weight, _ in parts])
        state[block + "attn.qkv.bias"] = np.concatenate([bias for _, bias in parts])
    return {name: torch.from_numpy(np.array(array, dtype=np.float32)) for name, array in state.items()}


class _Graph:
    """Look-ups in an ONNX graph by constant name and by structure."""

    def __init__(self, data: bytes, place: str) -> None:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

        self.place = place
        try:
            graph = onnx.load_model_from_string(data).graph
        except DecodeError as error:
            raise self.error(f"is not an ONNX file: {error}") from error
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._nodes = list(graph.node)
        self._producer = {output: node for node in self._nodes for output in node.output}

    def error(self, reason: str) -> WeightsError:
        return WeightsError(
            self.place,
            reason,
            "name the ONNX file of a DINOv2 ViT-S/14 exported from Hugging Face, or another converter",
        )

    def constant(self, name: str) -> np.ndarray:
        """Return a constant of the graph by its name."""
        from onnx import numpy_helper

        if name not in self._constants:
            raise self.error(f"the ONNX graph holds no constant {name}")
        return numpy_helper.to_array(self._constants[name])

    def count_layers(self) -> int:
        """Return how many transformer layers the graph names."""
        found = (re.match(r"backbone\.encoder\.layer\.(\d+)\.", name) for name in self._constants)
        return 1 + max((int(match.group(1)) for match in found if match), default=-1)

    def linear(self, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """Return weight [out, in] and bias [out] of a linear layer, the weight found through the bias."""
        name = f"{layer}.bias"
        for node in self._nodes:
            if node.op_type != "Add" or name not in node.input:
                continue
            for operand in node.input:
                product = self._producer.get(operand)
                if product is not None and product.op_type == "MatMul" and product.input[1] in self._constants:
                    return self.constant(product.input[1]).T, self.constant(name)
        raise self.error(f"no MatMul with a constant matrix feeds the Add of {name}")

    def positions(self) -> np.ndarray:
        """Return position embeddings: the class position and the grid are joined by a Concat along the tokens."""
        import numpy as np

        for node in self._nodes:
            if node.op_type != "Concat" or len(node.input) != 2 or node.input[0] not in self._constants:
                continue
            first = self.constant(node.input[0])
            grid = self._origin(node.input[1])
            if first.ndim == 3 and first.shape[:2] == (1, 1) and grid is not None and grid.ndim == 3:
                return np.concatenate([first, grid], axis=1)
        raise self.error("no Concat joins a class position and a grid of positions")

    def _origin(self, name: str) -> Any:
        """Follow the first inputs back to a constant; None when they lead to the graph's input."""
        while name not in self._constants:
            node = self._producer.get(name)
            if node is None or not node.input:
                return None
            name = node.input[0]
        return self.constant(name)
