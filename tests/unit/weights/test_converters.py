"""The converters on small made-up files, and on files that are not what they ask for."""

import io

import numpy as np
import pytest
import torch

from sixgig.errors import WeightsError
from sixgig.weights import dinov2_onnx, efficientnet_lite0
from sixgig.weights.positions import resample_positions


def make_graph(width=4, leave_out=()):
    """A one-layer graph with the names of the export: matrices anonymous, constants filled with distinct values."""
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    layer, nodes, constants = "backbone.encoder.layer.0.", [], {}

    def constant(name, *shape):
        constants[name] = rng.normal(size=shape).astype(np.float32)
        return name

    constant("backbone.embeddings.cls_token", 1, 1, width)
    constant("backbone.embeddings.patch_embeddings.projection.weight", width, 3, 2, 2)
    constant("backbone.embeddings.patch_embeddings.projection.bias", width)
    for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"):
        constant(layer + name, width)
    for name in ("layer_scale1.lambda1", "layer_scale2.lambda1"):
        constant(layer + name, width)
    constant("backbone.layernorm.weight", width)
    constant("backbone.layernorm.bias", width)
    constant("anonymous_class", 1, 1, width)
    constant("anonymous_grid", 1, 9, width)
    nodes.append(helper.make_node("Identity", ["anonymous_grid"], ["grid"]))
    nodes.append(helper.make_node("Concat", ["anonymous_class", "grid"], ["positions"], axis=1))
    sizes = {
        "attention.attention.query": (width, width),
        "attention.attention.key": (width, width),
        "attention.attention.value": (width, width),
        "attention.output.dense": (width, width),
        "mlp.fc1": (width, 2 * width),
        "mlp.fc2": (2 * width, width),
    }
    for number, (name, (inputs, outputs)) in enumerate(sizes.items()):
        matrix = constant(f"anonymous_{number}", inputs, outputs)
        bias = constant(f"{layer}{name}.bias", outputs)
        nodes.append(helper.make_node("MatMul", [f"in_{name}", matrix], [f"product_{name}"]))
        nodes.append(helper.make_node("Add", [bias, f"product_{name}"], [f"sum_{name}"]))
    kept = [numpy_helper.from_array(array, name) for name, array in constants.items() if name not in leave_out]
    nodes = [node for node in nodes if not set(leave_out) & {node.op_type, *node.output}]
    model = helper.make_model(helper.make_graph(nodes, "graph", [], [], kept))
    return model.SerializeToString(), constants


def test_dinov2_names_matrices_and_order_of_query_key_value():
    data, constants = make_graph()
    state = dinov2_onnx.convert(data, dinov2_onnx.MODEL, "here")
    layer = "backbone.encoder.layer.0."
    assert len(state) == 20
    np.testing.assert_array_equal(
        state["blocks.0.attn.qkv.weight"], np.concatenate([constants[f"anonymous_{part}"].T for part in range(3)])
    )
    np.testing.assert_array_equal(
        state["blocks.0.attn.qkv.bias"],
        np.concatenate([constants[f"{layer}attention.attention.{part}.bias"] for part in ("query", "key", "value")]),
    )
    np.testing.assert_array_equal(state["blocks.0.mlp.fc1.weight"], constants["anonymous_4"].T)
    np.testing.assert_array_equal(state["blocks.0.ls2.gamma"], constants[layer + "layer_scale2.lambda1"])
    np.testing.assert_array_equal(state["pos_embed"][:, 0], constants["anonymous_class"][0])
    np.testing.assert_array_equal(state["pos_embed"][:, 1:], constants["anonymous_grid"])
    assert all(tensor.dtype == torch.float32 for tensor in state.values())


@pytest.mark.parametrize(
    ("leave_out", "message"),
    [
        ("backbone.layernorm.bias", "holds no constant backbone.layernorm.bias"),
        ("product_mlp.fc2", "no MatMul with a constant matrix feeds the Add of .*mlp.fc2.bias"),
        ("Concat", "no Concat joins a class position and a grid"),
    ],
)
def test_dinov2_of_another_graph(leave_out, message):
    data, _ = make_graph(leave_out=(leave_out,))
    with pytest.raises(WeightsError, match=message) as caught:
        dinov2_onnx.convert(data, dinov2_onnx.MODEL, "weights.x (graph.onnx)")
    assert caught.value.place == "weights.x (graph.onnx)"
    assert "DINOv2 ViT-S/14" in caught.value.next_step


def test_dinov2_of_no_graph():
    with pytest.raises(WeightsError, match="is not an ONNX file"):
        dinov2_onnx.convert(b"\xffno graph", dinov2_onnx.MODEL, "here")


@pytest.mark.parametrize("converter", [dinov2_onnx, efficientnet_lite0])
def test_converters_make_one_model(converter):
    with pytest.raises(WeightsError, match=f"makes weights for {converter.MODEL}, not resnet50"):
        converter.convert(b"", "resnet50", "here")


def checkpoint(state):
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


def test_lite0_checks_number_and_shapes():
    import timm

    for content in (b"", b"text, no weights"):
        with pytest.raises(WeightsError, match="is not a PyTorch checkpoint"):
            efficientnet_lite0.convert(content, efficientnet_lite0.MODEL, "here")
    with pytest.raises(WeightsError, match="holds 1 tensors, tf_efficientnet_lite0 has 296"):
        efficientnet_lite0.convert(checkpoint({"a": torch.zeros(1)}), efficientnet_lite0.MODEL, "here")
    state = timm.create_model(efficientnet_lite0.MODEL, pretrained=False).state_dict()
    renamed = {f"theirs.{number}": tensor for number, tensor in enumerate(state.values())}
    converted = efficientnet_lite0.convert(checkpoint(renamed), efficientnet_lite0.MODEL, "here")
    assert list(converted) == [name for name in state if not name.startswith("classifier.")]
    renamed["theirs.0"] = torch.zeros(32, 3, 5, 5)
    with pytest.raises(WeightsError, match=r"theirs\.0 is \[32, 3, 5, 5\], and conv_stem\.weight .* \[32, 3, 3, 3\]"):
        efficientnet_lite0.convert(checkpoint(renamed), efficientnet_lite0.MODEL, "here")


def cubic(distance, a=-0.75):
    """Keys' cubic convolution kernel (1981, equation 4) with the coefficient that ONNX and PyTorch use."""
    x = np.abs(distance)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def resample_matrix(old, new):
    """[new, old] weights of plain bicubic resampling: half-pixel centres, edges repeated, kernel never widened."""
    matrix = np.zeros((new, old))
    for row in range(new):
        centre = (row + 0.5) * old / new - 0.5
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            matrix[row, np.clip(tap, 0, old - 1)] += cubic(centre - tap)
    return matrix


@pytest.mark.parametrize("new", [3, 7, 11])
def test_positions_are_resampled_without_antialiasing(new):
    old, width = 7, 5
    positions = torch.from_numpy(np.random.default_rng(new).normal(size=(1, 2 + old * old, width)).astype(np.float32))
    found = resample_positions(positions, (new, new), prefix_tokens=2)
    matrix = resample_matrix(old, new)
    grid = positions[0, 2:].numpy().reshape(old, old, width)
    wanted = np.einsum("ri,cj,ijw->rcw", matrix, matrix, grid).reshape(new * new, width)
    np.testing.assert_array_equal(found[0, :2], positions[0, :2])
    np.testing.assert_allclose(found[0, 2:], wanted, atol=1e-5)
