"""Position embeddings at another grid, against the formulas and the libraries that define the rules."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.nn import functional

from sixgig.weights.build import build_weights
from sixgig.weights.loading import load_backbone
from sixgig.weights.positions import OFFSET, resample_positions
from sixgig.weights.storage import read_provenance

ROOT = Path(__file__).resolve().parents[3]


def positions(side, width=6, prefix=1, seed=0):
    return torch.randn(1, prefix + side * side, width, generator=torch.Generator().manual_seed(seed))


def cubic(distance, a=-0.75):
    """Keys' kernel (1981), with the coefficient that PyTorch takes."""
    x = abs(distance)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def resampled(row, cells, scale):
    """Resample along one axis: cell i looks at (i + 0.5) / scale - 0.5, and the border is repeated."""
    found = np.zeros((cells, *row.shape[1:]))
    for cell in range(cells):
        at = (cell + 0.5) / scale - 0.5
        for neighbour in range(math.floor(at) - 1, math.floor(at) + 3):
            found[cell] += cubic(at - neighbour) * row[min(max(neighbour, 0), len(row) - 1)]
    return found


@pytest.mark.parametrize("offset", [None, OFFSET])
@pytest.mark.parametrize(("side", "cells"), [(37, 8), (37, 16), (16, 5), (7, 9)])
def test_both_rules_of_dinov2_are_their_formulas(side, cells, offset):
    """(cells + 0.1) / side is the scale of the original, cells / side that of the export."""
    given = positions(side)
    scale = (cells + (offset or 0.0)) / side
    grid = given[0, 1:].numpy().astype(float).reshape(side, side, -1)
    wanted = resampled(resampled(grid, cells, scale).transpose(1, 0, 2), cells, scale).transpose(1, 0, 2)
    found = resample_positions(given, (cells, cells), 1, offset)
    assert torch.equal(found[:, :1], given[:, :1])
    np.testing.assert_allclose(found[0, 1:].numpy().reshape(cells, cells, -1), wanted, atol=1e-4)


def interpolate_pos_encoding(pos_embed, w0, h0):
    """What DINOv2's vision transformer computes (its method of this name), written out."""
    count = pos_embed.shape[1] - 1
    side = int(math.sqrt(count))
    scale = (float(w0 + 0.1) / side, float(h0 + 0.1) / side)
    grid = pos_embed[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    grid = functional.interpolate(grid, scale_factor=scale, mode="bicubic", antialias=False)
    assert grid.shape[-2:] == (w0, h0)
    return torch.cat([pos_embed[:, :1], grid.permute(0, 2, 3, 1).reshape(1, w0 * h0, -1)], dim=1)


@pytest.mark.parametrize("cells", range(1, 37))
def test_the_original_rule_step_by_step(cells):
    given = positions(37)
    torch.testing.assert_close(
        resample_positions(given, (cells, cells), 1, OFFSET), interpolate_pos_encoding(given, cells, cells)
    )


def test_nothing_is_resampled_at_the_native_grid():
    given = positions(16)
    assert torch.equal(resample_positions(given, (16, 16), 1, OFFSET), given)


@pytest.mark.parametrize("side", [112, 224, 294])
def test_the_rule_of_the_export_is_the_one_of_transformers(side):
    """Hugging Face's DINOv2 addresses by output size, and so does what was exported from it."""
    import transformers

    config = transformers.Dinov2Config(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=518, patch_size=14
    )
    theirs = transformers.Dinov2Model(config).embeddings
    given = positions(37, 8)
    theirs.position_embeddings = torch.nn.Parameter(given)
    cells = side // 14
    tokens = torch.zeros(1, 1 + cells * cells, 8)
    with torch.inference_mode():
        wanted = theirs.interpolate_pos_encoding(tokens, side, side)
    torch.testing.assert_close(resample_positions(given, (cells, cells), 1), wanted)


def test_the_study_file_chooses_the_rule(tmp_path, downloads, dinov2_weights):
    """At 112 pixels the original's rule moves DINOv2's tokens by some percent, and the provenance says which it was."""
    spec = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["weights"]["dinov2_vits14"]
    images = torch.randn(2, 3, 112, 112, generator=torch.Generator().manual_seed(1))
    tokens = {}
    for rule in ("onnx", "dinov2", "timm"):
        file = tmp_path / f"{rule}.safetensors"
        found = build_weights("dinov2_vits14", {**spec, "position_resampling": rule}, file, downloads, 112)
        with torch.inference_mode():
            tokens[rule] = load_backbone(file, 112).forward_features(images)
        assert found["positions"] == read_provenance(file)["positions"]
        assert {"onnx": "ONNX export", "dinov2": "0.1", "timm": "antialiasing"}[rule] in found["positions"]
    with torch.inference_mode():
        usual = load_backbone(dinov2_weights, 112).forward_features(images)
    assert torch.equal(tokens["onnx"], usual)

    def difference(first, second):
        return float((tokens[first] - tokens[second]).abs().max() / tokens[second].abs().max())

    assert difference("onnx", "dinov2") == pytest.approx(0.0294, rel=0.02)
    assert difference("timm", "dinov2") == pytest.approx(0.0786, rel=0.02)
