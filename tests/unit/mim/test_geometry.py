"""Crops cut into patches and put together again, in two and three dimensions."""

import itertools

import pytest
import torch
from torch import nn

from sixgig.errors import ArmError
from sixgig.mim.geometry import Geometry, Shape, patchify, unpatchify

GEOMETRIES = [
    Geometry((8, 8, 8), (4, 4, 4), 1),
    Geometry((4, 12, 6), (2, 4, 3), 2),
    Geometry((6, 5, 4), (1, 5, 2), 3),
    Geometry((16, 16), (4, 4), 3),
    Geometry((6, 20), (3, 4), 1),
]
by_geometry = pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)


def crops(geometry, n=2):
    return torch.rand(n, geometry.channels, *geometry.crop, generator=torch.Generator().manual_seed(1))


@by_geometry
def test_unpatchify_is_the_inverse_of_patchify(geometry):
    x = crops(geometry)
    patches = patchify(x, geometry)
    assert patches.shape == (2, geometry.tokens, geometry.patch_values)
    assert torch.equal(unpatchify(patches, geometry), x)
    assert torch.equal(patchify(unpatchify(patches, geometry), geometry), patches)


@by_geometry
def test_every_patch_holds_its_own_voxels(geometry):
    x = crops(geometry)
    patches = patchify(x, geometry)
    cells = list(itertools.product(*map(range, geometry.grid)))  # last dimension fastest
    assert len(cells) == geometry.tokens == patches.shape[1]
    for token, cell in enumerate(cells):
        window = tuple(slice(i * side, (i + 1) * side) for i, side in zip(cell, geometry.patch, strict=True))
        assert torch.equal(patches[:, token], x[(slice(None), slice(None), *window)].flatten(1))


@by_geometry
def test_a_flattened_kernel_is_the_weight_of_the_linear_embedding(geometry):
    kind = nn.Conv3d if geometry.dimensions == 3 else nn.Conv2d
    convolution = kind(geometry.channels, 5, geometry.patch, geometry.patch).double()
    x = crops(geometry).double()
    linear = patchify(x, geometry) @ convolution.weight.flatten(1).T + convolution.bias
    assert torch.allclose(linear, convolution(x).flatten(2).transpose(1, 2), atol=1e-12)


def test_numbers_of_the_laptop_preset():
    geometry = Geometry((96, 96, 96), (16, 16, 16), 3)
    geometry.check()
    assert (geometry.dimensions, geometry.grid, geometry.tokens) == (3, (6, 6, 6), 216)
    assert geometry.patch_values == 4096 * 3
    Geometry((8, 8), (8, 4), 1).check()  # two patches, of which one is masked


@pytest.mark.parametrize(
    ("crop", "patch", "nearest"),
    [
        ((100, 96, 96), (16, 16, 16), [(96, 96, 96), (112, 96, 96)]),
        ((10, 20), (16, 8), [(16, 16), (16, 24)]),
        ((6, 7), (4, 4), [(4, 4), (8, 8)]),
    ],
)
def test_a_patch_that_does_not_divide_the_crop_is_refused_with_sizes_that_work(crop, patch, nearest):
    with pytest.raises(ArmError, match="does not divide a crop of") as raised:
        Geometry(crop, patch, 1).check("arms.vit_mim.crop")
    assert raised.value.place == "arms.vit_mim.crop"
    for sizes in nearest:
        assert " x ".join(map(str, sizes)) in raised.value.next_step
        assert all(size % side == 0 for size, side in zip(sizes, patch, strict=True))


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        (Geometry((8, 8, 8), (4, 4), 1), "are not both 2D or both 3D"),
        (Geometry((8,), (4,), 1), "are not both 2D or both 3D"),
        (Geometry((8, 8), (0, 4), 1), "a size below 1"),
        (Geometry((0, 8), (4, 4), 1), "a size below 1"),
        (Geometry((8, 8), (4, 4), 0), "a size below 1"),
        (Geometry((8, 8), (8, 8), 1), "nothing to mask"),
    ],
)
def test_impossible_geometry_is_refused(geometry, message):
    with pytest.raises(ArmError, match=message):
        geometry.check()


def test_crops_of_another_size_are_refused():
    geometry = Geometry((8, 8), (4, 4), 3)
    with pytest.raises(ValueError, match=r"crops are \(3, 8, 4\), must be \(3, 8, 8\)"):
        patchify(torch.zeros(1, 3, 8, 4), geometry)
    with pytest.raises(ValueError, match=r"patches are \(3, 48\), must be \(4, 48\)"):
        unpatchify(torch.zeros(1, 3, 48), geometry)


@pytest.mark.parametrize(
    ("shape", "place", "step"),
    [
        (Shape(width=100, heads=12), "arms.vit_mim.heads", "set width to 96 or 108"),
        (Shape(decoder_width=510), "arms.vit_mim.decoder_heads", "set decoder_width to 504 or 512"),
        (Shape(depth=0), "arms.vit_mim.depth", "at least 1"),
    ],
)
def test_impossible_shapes_are_refused(shape, place, step):
    Shape().check()
    with pytest.raises(ArmError, match=step) as raised:
        shape.check()
    assert raised.value.place == place
