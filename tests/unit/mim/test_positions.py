"""Sine-cosine positions."""

import math

import pytest
import torch

from sixgig.mim.positions import sine_cosine


@pytest.mark.parametrize(("grid", "width"), [((3, 4, 5), 48), ((6, 7), 32), ((2, 3, 4), 17), ((3, 3, 3), 5)])
def test_every_patch_has_a_position_of_its_own(grid: tuple[int, ...], width: int) -> None:
    positions = sine_cosine(grid, width)
    assert positions.shape == (1, math.prod(grid), width)
    used = width // len(grid) // 2
    assert torch.equal(positions[..., 2 * used * len(grid) :], torch.zeros_like(positions[..., 2 * used * len(grid) :]))
    assert len(torch.unique(positions[0], dim=0)) == (math.prod(grid) if used else 1)


def test_values_are_sines_and_cosines_of_the_coordinates() -> None:
    positions = sine_cosine((3, 4, 5), 24).reshape(3, 4, 5, 24)
    frequencies = [10000 ** (-k / 4) for k in range(4)]
    for place in ((0, 0, 0), (2, 1, 4)):
        by_hand = [
            wave(coordinate * frequency)
            for coordinate in place
            for wave in (math.sin, math.cos)
            for frequency in frequencies
        ]
        assert positions[place].tolist() == pytest.approx(by_hand, abs=1e-6)


def test_neighbours_are_alike_along_every_axis() -> None:
    positions = sine_cosine((5, 5, 5), 96).reshape(5, 5, 5, 96)
    start = positions[0, 0, 0]
    for line in (positions[:, 0, 0], positions[0, :, 0], positions[0, 0, :]):
        distances = (line - start).norm(dim=-1)
        assert (distances[1:3] > distances[:2]).all()
        assert distances[4] > distances[1]
