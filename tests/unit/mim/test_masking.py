"""Masks hide the exact share of the tokens, each token exactly once, the same on every device."""

import pytest
import torch

from sixgig.errors import ArmError
from sixgig.mim.masking import masked_count, random_masks, random_order


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("tokens", "ratio", "masked"),
    [(216, 0.75, 162), (216, 0.6, 130), (196, 0.75, 147), (10, 0.25, 3), (10, 0.01, 1), (10, 0.99, 9), (2, 0.5, 1)],
)
def test_every_token_once_and_the_exact_ratio(tokens, ratio, masked):
    visible, hidden = random_masks(5, tokens, ratio, generator())
    assert masked_count(tokens, ratio) == masked
    assert hidden.shape == (5, masked)
    assert visible.shape == (5, tokens - masked)
    assert visible.dtype == hidden.dtype == torch.int64
    assert visible.device.type == hidden.device.type == "cpu"
    assert (visible.diff(dim=1) > 0).all()
    assert (hidden.diff(dim=1) > 0).all()
    together = torch.cat([visible, hidden], dim=1).sort(dim=1).values
    assert torch.equal(together, torch.arange(tokens).expand(5, -1))


def test_rows_differ_and_a_generator_goes_on():
    source = generator(3)
    first, _ = random_masks(4, 64, 0.5, source)
    second, _ = random_masks(4, 64, 0.5, source)
    rows = {tuple(row.tolist()) for row in torch.cat([first, second])}
    assert len(rows) == 8


def test_equal_generators_mask_alike_and_the_global_one_is_left_alone():
    before = torch.random.get_rng_state()
    first, second = (random_masks(3, 27, 0.6, generator(5)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], random_masks(3, 27, 0.6, generator(6))[0])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_seed_decides_its_row_alone():
    visible, masked = random_masks(3, 27, 0.75, [11, 12, 13])
    alone_visible, alone_masked = random_masks(1, 27, 0.75, [12])
    assert torch.equal(visible[1:2], alone_visible)
    assert torch.equal(masked[1:2], alone_masked)
    assert not torch.equal(visible[0], visible[1])


def test_order_is_a_permutation_that_favours_no_token():
    order = random_order(4000, 8, generator(1))
    assert torch.equal(order.sort(dim=1).values, torch.arange(8).expand(4000, -1))
    counts = torch.stack([(order == token).sum(dim=0) for token in range(8)]).double()
    # 8 x 8 counts of 500 each; 7 x 7 degrees of freedom, and chi-squared exceeds 85 once in a thousand times.
    assert ((counts - 500) ** 2 / 500).sum() < 85


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.1, 1.5])
def test_a_ratio_that_masks_nothing_or_all_is_refused(ratio):
    with pytest.raises(ArmError, match="is not between 0 and 1") as raised:
        masked_count(16, ratio)
    assert raised.value.place == "arms.vit_mim.mask_ratio"


def test_a_single_token_and_missing_seeds_are_refused():
    with pytest.raises(ArmError, match="choose a smaller patch"):
        masked_count(1, 0.5)
    with pytest.raises(ValueError, match="2 seeds for 3 rows"):
        random_order(3, 8, [1, 2])
