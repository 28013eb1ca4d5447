"""``reference: true``: what MIM-Med3D does and the default does not, one by one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.networks.blocks.transformerblock import TransformerBlock
from monai.transforms import NormalizeIntensity
from torch import nn

from sixgig.gpu.ladder import Rung
from sixgig.mim.batches import micro_batches
from sixgig.mim.budget import predict
from sixgig.mim.crops import VolumeCrops
from sixgig.mim.encoding import encode_volumes
from sixgig.mim.evaluation import fixed_items, pictures, reconstruction_errors
from sixgig.mim.geometry import Geometry, patchify
from sixgig.mim.masking import masked_count, random_masks
from sixgig.mim.network import build_network
from sixgig.mim.standardising import moments_of, standardised, standardised_images
from tests.unit.mim.tiny_mim import IMAGES, SHAPE, VOLUMES, network, run, settings, volumes

REFERENCE = replace(SHAPE, reference=True)
WITH_CLASS = replace(SHAPE, class_token=True, register_tokens=1, prefix_positions=True)

both_objectives = pytest.mark.parametrize("objective", ["mae", "simmim"])


def with_background():
    """Volumes whose first planes are background, one modality of one of them all of it."""
    array = volumes()
    array[:, :3] = 0
    array[2, ..., 1] = 0
    return array


def as_published(array):
    """[n, D, H, W, M] normalised by MONAI, as the published code does, before anything is cropped."""
    normalise = NormalizeIntensity(nonzero=True, channel_wise=True)
    return np.stack([np.moveaxis(normalise(np.moveaxis(v.astype(np.float32), -1, 0)).numpy(), 0, -1) for v in array])


def norms(net):
    return {name: module.eps for name, module in net.named_modules() if isinstance(module, nn.LayerNorm)}


@both_objectives
def test_every_layer_norm_has_the_published_epsilon(objective):
    found = norms(network(objective, shape=REFERENCE))
    assert set(found.values()) == {1e-5}
    assert {"encoder.norm", "encoder.blocks.0.norm1", "encoder.blocks.0.norm2"} <= set(found)
    assert ("decoder_norm" in found) == ("decoder_blocks.0.norm1" in found) == (objective == "mae")
    plain = norms(network(objective))
    assert set(plain) == set(found)
    assert set(plain.values()) == {1e-6}


@pytest.mark.parametrize(
    ("tokens", "ratio", "published", "own"), [(216, 0.6, 129, 130), (216, 0.75, 162, 162), (10, 0.25, 2, 3)]
)
def test_masked_patches_are_counted_by_rounding_down(tokens, ratio, published, own):
    assert masked_count(tokens, ratio, truncated=True) == published == int(ratio * tokens)
    assert masked_count(tokens, ratio) == own
    visible, masked = random_masks(2, tokens, ratio, [3, 4], truncated=True)
    assert (visible.shape[1], masked.shape[1]) == (tokens - published, published)


def test_batches_and_measured_items_are_masked_so():
    chosen = settings(mask_ratio=0.45, reference=True)  # 3.6 of 8 patches
    source = VolumeCrops(volumes(), range(4), VOLUMES.crop, seed=1, z_scores=True)
    part, _ = next(micro_batches(source, VOLUMES, chosen, 0, pin=False))
    assert part.masked.shape == (4, 3)
    assert fixed_items(source, VOLUMES, chosen, 0, 2).masked.shape == (2, 3)
    assert fixed_items(source, VOLUMES, replace(chosen, reference=False), 0, 2).masked.shape == (2, 4)


def test_z_scores_are_those_of_the_published_transform():
    array = with_background()
    wanted = as_published(array)
    for row, volume in enumerate(array):
        found = standardised(np.moveaxis(volume, -1, 0), moments_of(volume))
        np.testing.assert_allclose(np.moveaxis(found, 0, -1), wanted[row], atol=1e-5)
    there = wanted[0, ..., 0] != 0
    assert (wanted[0, :3] == 0).all()
    assert abs(wanted[0, ..., 0][there].mean()) < 1e-5
    assert wanted[0, ..., 0][there].std() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("modalities", ["channels", "separate"])
def test_crops_are_cut_out_of_normalised_volumes(modalities):
    array = with_background()
    options = {"seed": 4, "modalities": modalities, "flips": (0, 2)}
    scores, _ = VolumeCrops(array, range(6), VOLUMES.crop, z_scores=True, **options).draw(0, 12)
    wanted, _ = VolumeCrops(as_published(array), range(6), VOLUMES.crop, **options).draw(0, 12)
    np.testing.assert_allclose(scores, wanted, atol=1e-5)
    plain, _ = VolumeCrops(array, range(6), VOLUMES.crop, **options).draw(0, 12)
    assert plain.min() >= 0
    assert scores.min() < -0.5


def test_the_identity_of_items_tells_z_scores_apart():
    array = volumes()
    plain, scores = (VolumeCrops(array, range(4), VOLUMES.crop, seed=1, z_scores=on).identity() for on in (False, True))
    assert scores == {**plain, "z_scores": True}


def test_encoding_gets_the_same_z_scores():
    class Kept:
        done = 0

        def __init__(self):
            self.rows = {}

        def put(self, start, stop, features):
            self.rows[start] = features[0]

        def array(self):
            return np.stack([self.rows[row] for row in sorted(self.rows)])

    array = with_background()
    net = build_network("mae", VOLUMES, REFERENCE, [0.0, 0.0], [1.0, 1.0], 1).encoder
    plain = build_network("mae", VOLUMES, replace(REFERENCE, reference=False), [0.0, 0.0], [1.0, 1.0], 1).encoder
    plain.load_state_dict(net.state_dict())
    for norm in (module for module in plain.modules() if isinstance(module, nn.LayerNorm)):
        norm.eps = 1e-5
    names = [str(row) for row in range(6)]
    arguments = (Rung(3, "cpu"), "float32", Kept(), lambda count: None, names)
    found = encode_volumes(net, "channels", "mean", array, *arguments)
    arguments = (Rung(3, "cpu"), "float32", Kept(), lambda count: None, names)
    wanted = encode_volumes(plain, "channels", "mean", as_published(array), *arguments)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_images_become_targets_that_are_z_scores_and_stay_inputs_as_they_are():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, 8, 8, generator=generator)
    x[:, :, :2] = 0
    wanted = torch.stack([NormalizeIntensity(nonzero=True, channel_wise=True)(image).as_tensor() for image in x])
    assert torch.allclose(standardised_images(x), wanted, atol=1e-5)
    assert (standardised_images(torch.zeros(1, 3, 8, 8)) == 0).all()
    net = network("mae", IMAGES, REFERENCE).eval()
    assert torch.equal(net.encoder.target(x), standardised_images(x))
    masks = random_masks(2, IMAGES.tokens, 0.5, [1, 2])
    output = net(x, *masks)
    target = patchify(wanted, IMAGES).gather(1, masks[1][..., None].expand(-1, -1, IMAGES.patch_values))
    assert output.loss.item() == pytest.approx((output.predicted - target).abs().mean().item(), rel=1e-4)
    assert reconstruction_errors(net, x, masks)["network"] == pytest.approx(output.loss.item(), rel=1e-4)
    assert np.allclose(pictures(net, x, masks).original[0], wanted, atol=1e-5)
    assert torch.equal(network("mae", IMAGES).encoder.target(x), x)
    seen = {}
    net.encoder.patch_embedding.register_forward_pre_hook(lambda module, given: seen.update(x=given[0]))
    net(x, *masks)
    patches = patchify(x, IMAGES).gather(1, masks[0][..., None].expand(-1, -1, IMAGES.patch_values))
    assert torch.allclose(seen["x"], (patches - 0.5) / 0.25)


def test_volumes_are_their_own_target():
    x = torch.randn(2, 2, 8, 8, 8)
    assert network("mae", VOLUMES, REFERENCE).encoder.target(x) is x


@pytest.mark.parametrize(("shape", "tokens"), [(replace(WITH_CLASS, reference=True), 4), (WITH_CLASS, 6)])
def test_class_and_register_tokens_do_not_reach_the_published_decoder(shape, tokens):
    net = network("mae", IMAGES, shape)
    seen = {}
    net.encoder.blocks[0].register_forward_pre_hook(lambda module, given: seen.update(encoder=given[0]))
    net.decoder_blocks[0].register_forward_pre_hook(lambda module, given: seen.update(decoder=given[0]))
    net(torch.rand(2, 3, 8, 8), *random_masks(2, IMAGES.tokens, 0.5, [1, 2]))
    assert seen["encoder"].shape[1] == 2 + 2  # both tokens and the visible patches
    assert seen["decoder"].shape[1] == tokens  # the 4 patches, and the default's two tokens


@both_objectives
def test_the_last_norm_of_the_encoder_is_not_in_training(objective):
    net = network(objective, shape=REFERENCE)
    called = []
    net.encoder.norm.register_forward_hook(lambda *_: called.append(1))
    x, masks = torch.randn(2, 2, 8, 8, 8), random_masks(2, VOLUMES.tokens, 0.5, [1, 2])
    net(x, *masks).loss.backward()
    assert called == []
    assert all(p.grad is None and not p.requires_grad for p in net.encoder.norm.parameters())
    assert all(p.grad is not None for name, p in net.named_parameters() if not name.startswith("encoder.norm."))
    net.encoder(x)
    assert called == [1]


@both_objectives
def test_a_reference_network_trains_and_resumes(objective, tmp_path):
    array = with_background()
    data = [VolumeCrops(array, rows, VOLUMES.crop, seed=2, z_scores=True) for rows in (range(4), (4, 5))]
    channels = VOLUMES.channels
    net = build_network(objective, VOLUMES, REFERENCE, [0.0] * channels, [1.0] * channels, 1)
    changes = {"objective": objective, "reference": True, "data": data, "ema": 0.5, "steps": 30}
    net, facts = run(tmp_path, net=net, **changes)
    assert facts["reconstruction"]["after"]["network"] < facts["reconstruction"]["before"]["network"]
    assert torch.equal(net.encoder.norm.weight, torch.ones(REFERENCE.width))


@both_objectives
@pytest.mark.parametrize("shape", [REFERENCE, replace(WITH_CLASS, reference=True)])
def test_parameters_that_are_trained_are_counted(objective, shape):
    net = network(objective, Geometry((8, 8), (4, 4), 3), shape)
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    assert predict(IMAGES, shape, settings(objective=objective, reference=True)).parameters == trained


def of_monai(blocks, width, mlp_width, heads):
    """The same blocks as MONAI has them, which the published networks are made of."""
    names = {
        "attn.proj": "attn.out_proj", "mlp.fc1": "mlp.linear1", "mlp.fc2": "mlp.linear2", "attn.qkv": "attn.qkv",
        "norm1": "norm1", "norm2": "norm2",
    }  # fmt: skip
    made = []
    for block in blocks:
        other = TransformerBlock(width, mlp_width, heads)
        state = {}
        for name, value in block.state_dict().items():
            module, kind = name.rsplit(".", 1)
            if name != "attn.qkv.bias":  # of which MONAI has none
                state[f"{names[module]}.{kind}"] = value
        missing = other.load_state_dict(state, strict=False)
        assert not missing.unexpected_keys
        assert all("cross_attn" in name for name in missing.missing_keys)
        made.append(other.eval())
    return made


@both_objectives
def test_loss_and_predictions_equal_the_published_forward_pass(objective):
    """Transcribed from the description of the published MAE and SimMIM, with MONAI's blocks; queries have no bias."""
    geometry = Geometry((8, 8, 12), (4, 4, 4), 1)
    shape = replace(REFERENCE, depth=2, decoder_width=24, decoder_mlp_width=96)
    net = build_network(objective, geometry, shape, [0.0], [1.0], 3).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
            if name.endswith("qkv.bias"):
                parameter.zero_()
    x = torch.randn(3, 1, *geometry.crop, generator=generator)
    visible, masked = random_masks(3, geometry.tokens, 0.6, generator, truncated=True)
    assert masked.shape[1] == int(0.6 * 12) == 7
    rows = torch.arange(3)[:, None]
    encoder, patches = net.encoder, patchify(x, geometry)
    tokens = nn.functional.linear(patches, encoder.patch_embedding.weight, encoder.patch_embedding.bias)
    with torch.no_grad():
        found = net(x, visible, masked)
        if objective == "mae":
            known = (tokens + encoder.positions)[rows, visible]
            for block in of_monai(encoder.blocks, shape.width, shape.mlp_width, shape.heads):
                known = block(known)
            known = net.to_decoder(known) + net.decoder_positions[0][visible]
            hidden = net.mask_token + net.decoder_positions[0][masked]
            both = torch.cat([hidden, known], dim=1)
            for block in of_monai(net.decoder_blocks, 24, 96, shape.decoder_heads):
                both = block(both)
            norm = net.decoder_norm
            both = nn.functional.layer_norm(both, (24,), norm.weight, norm.bias)  # PyTorch's epsilon: 1e-5
            predicted = net.head(both[:, : masked.shape[1]])
        else:
            is_masked = torch.zeros(3, geometry.tokens, dtype=torch.bool).scatter(1, masked, True)
            both = torch.where(is_masked[..., None], net.mask_token, tokens) + encoder.positions
            for block in of_monai(encoder.blocks, shape.width, shape.mlp_width, shape.heads):
                both = block(both)
            predicted = net.head(both[rows, masked])
    assert torch.allclose(found.predicted, predicted, atol=1e-5)
    wanted = nn.functional.l1_loss(predicted, patches[rows, masked])
    assert found.loss.item() == pytest.approx(wanted.item(), rel=1e-6)
