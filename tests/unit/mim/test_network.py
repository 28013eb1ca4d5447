"""The two objectives learn from masked patches alone, and the encoder computes one kind of feature in both phases."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from sixgig.errors import ArmError
from sixgig.mim.geometry import Geometry, patchify
from sixgig.mim.masking import random_masks
from sixgig.mim.network import (
    MaskedAutoencoder,
    Shape,
    SimMim,
    TokenEncoder,
    build_network,
    reconstruct,
    set_gradient_checkpointing,
)
from sixgig.mim.positions import sine_cosine

VOLUME = Geometry((8, 8, 12), (4, 4, 4), 2)
SLICE = Geometry((16, 24), (8, 8), 3)
SMALL = Shape(24, 2, 3, 48, decoder_width=16, decoder_depth=2, decoder_heads=2, decoder_mlp_width=32)
PREFIX = replace(SMALL, layer_scale=True, class_token=True, register_tokens=2, prefix_positions=True)

both_objectives = pytest.mark.parametrize("objective", ["mae", "simmim"])
with_and_without_prefix = pytest.mark.parametrize("shape", [SMALL, PREFIX], ids=["plain", "prefix"])
each_objective_and_dimension = pytest.mark.parametrize(
    ("objective", "geometry"), [("mae", VOLUME), ("simmim", SLICE)], ids=["mae-volume", "simmim-slice"]
)
each_network = pytest.mark.parametrize(
    ("objective", "geometry", "shape"),
    [("mae", VOLUME, PREFIX), ("mae", SLICE, SMALL), ("simmim", VOLUME, SMALL), ("simmim", SLICE, PREFIX)],
    ids=["mae-volume-prefix", "mae-slice-plain", "simmim-volume-plain", "simmim-slice-prefix"],
)


def network_of(objective, geometry, shape=SMALL, seed=0):
    return build_network(objective, geometry, shape, [0.4] * geometry.channels, [0.3] * geometry.channels, seed)


def batch_of(geometry, n=3, ratio=0.6):
    generator = torch.Generator().manual_seed(7)
    x = torch.rand(n, geometry.channels, *geometry.crop, generator=generator)
    return x, *random_masks(n, geometry.tokens, ratio, generator)


def window(geometry, token):
    """The voxels of one token, found without the code under test."""
    cell = []
    for size in reversed(geometry.grid):
        token, index = divmod(token, size)
        cell.insert(0, index)
    return tuple(slice(i * side, (i + 1) * side) for i, side in zip(cell, geometry.patch, strict=True))


def loss_by_hand(output, x, masked, geometry):
    errors = []
    for item, tokens in enumerate(masked.tolist()):
        for place, token in enumerate(tokens):
            target = x[(item, slice(None), *window(geometry, token))].flatten()
            errors.append((output.predicted[item, place] - target).abs())
    return torch.cat(errors).mean()


@each_network
def test_loss_is_the_mean_absolute_error_of_masked_voxels(objective, geometry, shape):
    network, (x, visible, masked) = network_of(objective, geometry, shape), batch_of(geometry)
    output = network(x, visible, masked)
    assert output.predicted.shape == (3, masked.shape[1], geometry.patch_values)
    assert output.loss.dtype == torch.float32
    assert output.loss.item() == pytest.approx(loss_by_hand(output, x, masked, geometry).item(), rel=1e-6)


@each_network
def test_masked_voxels_decide_the_target_and_never_the_prediction(objective, geometry, shape):
    network, (x, visible, masked) = network_of(objective, geometry, shape), batch_of(geometry)
    before = network(x, visible, masked)
    changed = x.clone()
    token = int(masked[1, 0])
    changed[(1, slice(None), *window(geometry, token))] = 1 - x[(1, slice(None), *window(geometry, token))]
    after = network(changed, visible, masked)
    assert torch.equal(before.predicted, after.predicted)
    assert after.loss.item() != before.loss.item()
    assert after.loss.item() == pytest.approx(loss_by_hand(before, changed, masked, geometry).item(), rel=1e-6)


@each_objective_and_dimension
def test_visible_voxels_decide_the_prediction_and_are_no_target(objective, geometry):
    network, (x, visible, masked) = network_of(objective, geometry), batch_of(geometry)
    changed = x.clone()
    changed[(1, slice(None), *window(geometry, int(visible[1, 0])))] += 0.5
    before, after = network(x, visible, masked), network(changed, visible, masked)
    assert not torch.equal(before.predicted[1], after.predicted[1])
    assert torch.allclose(before.predicted[0], after.predicted[0], atol=1e-6)
    # The new prediction is judged by the old voxels: those of the visible patch, which alone changed, do not count.
    assert after.loss.item() == pytest.approx(loss_by_hand(after, x, masked, geometry).item(), rel=1e-6)


@pytest.mark.parametrize(("objective", "stack", "all_tokens"), [
    ("mae", "encoder.blocks", False), ("mae", "decoder_blocks", True), ("simmim", "encoder.blocks", True),
])  # fmt: skip
def test_the_encoder_of_mae_sees_visible_tokens_only(objective, stack, all_tokens):
    network, (x, visible, masked) = network_of(objective, VOLUME, PREFIX), batch_of(VOLUME)
    seen = []
    for block in network.get_submodule(stack):
        block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
    network(x, visible, masked)
    patches = VOLUME.tokens if all_tokens else visible.shape[1]
    assert seen == [PREFIX.prefix_tokens + patches] * 2


@both_objectives
def test_the_order_of_tokens_does_not_matter(objective):
    network, (x, visible, masked) = network_of(objective, VOLUME, PREFIX), batch_of(VOLUME)
    straight = network(x, visible, masked)
    shuffled = network(x, visible.flip(1), masked.flip(1))
    assert torch.allclose(straight.predicted.flip(1), shuffled.predicted, atol=1e-5)


@both_objectives
def test_an_item_does_not_depend_on_its_batch(objective):
    network, (x, visible, masked) = network_of(objective, VOLUME), batch_of(VOLUME)
    together = network(x, visible, masked).predicted
    alone = network(x[1:2], visible[1:2], masked[1:2]).predicted
    assert torch.allclose(together[1:2], alone, atol=1e-5)


@each_objective_and_dimension
def test_one_batch_can_be_learned_by_heart(objective, geometry):
    wide = replace(SMALL, width=48, mlp_width=96, decoder_width=48, decoder_heads=3, decoder_mlp_width=96)
    network, (x, visible, masked) = network_of(objective, geometry, wide), batch_of(geometry, n=2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.0)
    losses = []
    for _ in range(160):
        loss = network(x, visible, masked).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    # Voxels are uniform noise: the best guess that knows nothing of the batch has an error of 0.25.
    assert losses[0] > 0.25
    assert losses[-1] < 0.125


@both_objectives
@with_and_without_prefix
def test_every_parameter_gets_a_gradient(objective, shape):
    network, batch = network_of(objective, VOLUME, shape), batch_of(VOLUME)
    network(*batch).loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@each_objective_and_dimension
def test_gradient_checkpointing_recomputes_and_gives_equal_gradients(objective, geometry):
    network, batch = network_of(objective, geometry, PREFIX), batch_of(geometry)
    passes, gradients = [], []
    for on in (False, True, False):
        set_gradient_checkpointing(network, on)
        network.zero_grad()
        entered = []
        hooks = [
            module.mlp.register_forward_pre_hook(lambda *_, entered=entered: entered.append(1))
            for name, module in network.named_modules()
            if name.split(".")[-1].isdigit()
        ]
        network(*batch).loss.backward()
        for hook in hooks:
            hook.remove()
        passes.append(len(entered))
        gradients.append({name: parameter.grad.clone() for name, parameter in network.named_parameters()})
    blocks = 4 if objective == "mae" else 2
    assert passes == [blocks, 2 * blocks, blocks]
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], rtol=1e-5, atol=1e-8), name


@both_objectives
def test_the_last_layer_norm_is_applied_in_both_phases(objective):
    network, (x, visible, masked) = network_of(objective, VOLUME, PREFIX), batch_of(VOLUME)
    with torch.no_grad():
        network.encoder.norm.weight.fill_(2.0)
        network.encoder.norm.bias.fill_(0.5)
    normed = []
    network.encoder.norm.register_forward_hook(lambda _, inputs, output: normed.append((inputs[0], output)))
    with torch.no_grad():
        features = network.encoder(x)
        network(x, visible, masked)
    assert len(normed) == 2
    assert torch.equal(features, normed[0][1])
    for before, after in normed:
        assert torch.allclose((before - before.mean(-1, keepdim=True)) / before.std(-1, correction=0, keepdim=True) * 2,
                              after - 0.5, atol=1e-3)  # fmt: skip
    used = []
    after_norm = network.to_decoder if objective == "mae" else network.head
    after_norm.register_forward_pre_hook(lambda _, inputs: used.append(inputs[0]))
    with torch.no_grad():
        network(x, visible, masked)
    wanted = normed[-1][1]
    assert torch.equal(used[0], wanted if objective == "mae" else wanted[:, -masked.shape[1] :])


@pytest.mark.parametrize(
    ("geometry", "shape"),
    [
        (VOLUME, SMALL),
        (VOLUME, PREFIX),
        (SLICE, SMALL),
        (SLICE, PREFIX),
        (Geometry((16, 8, 8), (2, 4, 4), 1), replace(SMALL, width=60, heads=5, depth=1, mlp_width=37)),
        (Geometry((32, 32), (4, 4), 1), replace(SMALL, class_token=True, depth=3)),
        (Geometry((6, 6, 6), (3, 2, 1), 4), replace(SMALL, register_tokens=1, prefix_positions=True)),
    ],
)
def test_encoder_shapes(geometry, shape):
    encoder = network_of("mae", geometry, shape).encoder
    x, visible, _ = batch_of(geometry, n=2)
    assert encoder(x).shape == (2, shape.prefix_tokens + geometry.tokens, shape.width)
    assert encoder(x, visible).shape == (2, shape.prefix_tokens + visible.shape[1], shape.width)
    assert encoder.prefix_tokens == shape.prefix_tokens
    assert len(encoder.blocks) == shape.depth
    assert {block.mlp.fc1.out_features for block in encoder.blocks} == {shape.mlp_width}


def test_encoding_all_tokens_in_order_is_encoding_them():
    encoder, (x, _, _) = network_of("mae", VOLUME, PREFIX).encoder, batch_of(VOLUME)
    everything = torch.arange(VOLUME.tokens).expand(3, -1)
    assert torch.allclose(encoder(x), encoder(x, everything), atol=1e-6)


def test_voxels_are_normalised_per_channel():
    plain = TokenEncoder(VOLUME, SMALL, [0.0, 0.0], [1.0, 1.0])
    normalising = TokenEncoder(VOLUME, SMALL, [0.1, 0.7], [0.5, 0.2])
    normalising.load_state_dict({**plain.state_dict(), "mean": normalising.mean, "std": normalising.std})
    x, _, _ = batch_of(VOLUME)
    mean, std = (torch.tensor(values).reshape(1, 2, 1, 1, 1) for values in ([0.1, 0.7], [0.5, 0.2]))
    assert torch.allclose(normalising(x), plain((x - mean) / std), atol=1e-5)
    with pytest.raises(ValueError, match="1 means and 1 deviations for 2 channels"):
        TokenEncoder(VOLUME, SMALL, [0.0], [1.0])


@each_objective_and_dimension
def test_reconstruction_keeps_what_was_visible(objective, geometry):
    network, (x, visible, masked) = network_of(objective, geometry), batch_of(geometry)
    rebuilt = reconstruct(network, x, visible, masked)
    assert rebuilt.shape == x.shape
    assert not rebuilt.requires_grad
    patches, predicted = patchify(rebuilt, geometry), network(x, visible, masked).predicted
    for item in range(3):
        assert torch.equal(patches[item, visible[item]], patchify(x, geometry)[item, visible[item]])
        assert torch.allclose(patches[item, masked[item]], predicted[item], atol=1e-6)


@both_objectives
def test_seeds_decide_the_weights_and_the_global_generator_is_left_alone(objective):
    before = torch.random.get_rng_state()
    first, same, other = (network_of(objective, VOLUME, PREFIX, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name]), name
    differing = [name for name, tensor in first.named_parameters() if not torch.equal(tensor, other.state_dict()[name])]
    # Positions of patches start as sines and cosines, those of class and register tokens are drawn.
    drawn = [name for name, p in first.named_parameters() if p.dim() > 1 and name != "decoder_positions"]
    assert differing == drawn
    of_patches = sine_cosine(VOLUME.grid, PREFIX.width)
    assert torch.equal(first.encoder.positions[:, PREFIX.prefix_tokens :], of_patches)
    assert not torch.equal(*(network.encoder.positions[:, : PREFIX.prefix_tokens] for network in (first, other)))


@both_objectives
def test_half_precision_keeps_the_loss_in_float32(objective):
    network, batch = network_of(objective, VOLUME, PREFIX), batch_of(VOLUME)
    exact = network(*batch)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(*batch)
    assert rough.predicted.dtype == torch.bfloat16
    assert rough.loss.dtype == torch.float32
    assert rough.loss.item() == pytest.approx(exact.loss.item(), rel=0.02)
    by_hand = loss_by_hand(rough._replace(predicted=rough.predicted.float()), batch[0], batch[2], VOLUME)
    assert rough.loss.item() == pytest.approx(by_hand.item(), rel=1e-6)


def test_attention_is_fused_and_equals_the_plain_one(monkeypatch):
    network, batch = network_of("mae", VOLUME), batch_of(VOLUME)
    calls = []
    fused = nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        nn.functional, "scaled_dot_product_attention", lambda *a, **k: calls.append(1) or fused(*a, **k)
    )
    quick = network(*batch).predicted
    assert len(calls) == 4
    for module in network.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    assert torch.allclose(network(*batch).predicted, quick, atol=1e-5)
    assert len(calls) == 4


def test_objectives_by_name_and_what_is_refused():
    assert isinstance(network_of("mae", VOLUME), MaskedAutoencoder)
    assert isinstance(network_of("simmim", VOLUME), SimMim)
    with pytest.raises(ArmError, match="choose mae or simmim") as raised:
        network_of("beit", VOLUME)
    assert raised.value.place == "arms.vit_mim.objective"
    with pytest.raises(ArmError, match="does not divide a crop"):
        network_of("mae", Geometry((9, 8), (4, 4), 1))
    with pytest.raises(ArmError, match="heads do not divide"):
        network_of("mae", VOLUME, replace(SMALL, heads=5))
