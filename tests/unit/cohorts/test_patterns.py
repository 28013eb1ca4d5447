"""Patterns of file names."""

import pytest

from sixgig.cohorts.patterns import FilePatterns


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("*_mask*", "benign/benign (1)_mask_1.png", "benign/benign (1).png"),
        ("*.PNG", "a/b.png", "a/b.png.txt"),
        ("masks", "a/masks/x.png", "a/mask.png"),
        ("masks/", "masks/deep/x.png", "a/masks.png"),
        ("train/*.png", "train/a/b.png", "other/train/a.png"),
        ("./a/b.png", "a/b.png", "x/a/b.png"),
        ("?.png", "d/a.png", "d/ab.png"),
        ("[ab]*.png", "x/b1.png", "x/c1.png"),
        ("[!ab]*.png", "x/c1.png", "x/b1.png"),
        ("a.b", "a.b", "axb"),
        ("a(1)+.png", "a(1)+.png", "a1.png"),
        ("BraTS20_Training_355", "data/BraTS20_Training_355/x_flair.nii", "data/BraTS20_Training_3551/x.nii"),
        ("[", "[", "x"),
    ],
)
def test_patterns(pattern: str, fits: str, fits_not: str) -> None:
    excluded = FilePatterns({"exclude": [pattern]})
    assert excluded.why_not(fits) == f"left out by `exclude`: {pattern}"
    assert excluded.why_not(fits_not) is None
    included = FilePatterns({"include": [pattern]})
    assert (included.takes(fits), included.asks_for(fits, fits_not), included.asks_for(fits, fits)) == (
        True,
        True,
        False,
    )
    assert included.why_not(fits_not) == "not among the files that `include` names"


def test_exclude_wins_and_nothing_is_asked_for_without_patterns() -> None:
    assert not FilePatterns({"include": ["*.png"], "exclude": ["a*"]}).takes("a.png")
    assert FilePatterns({}).takes("a.png")
    assert not FilePatterns({}).asks_for("a.png", "b.png")
