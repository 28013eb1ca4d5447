"""Colours that can be told apart, also by people with the common forms of colour blindness, as far as there are any."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import product

#: How people with protanopia and with deuteranopia see linear RGB (Machado et al. 2009, severity 1).
_BLIND = (
    ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
)
#: Linear RGB to the cone responses of Oklab, and from their roots to lightness, a and b (Ottosson 2020).
_CONES = ((0.4122215, 0.5363325, 0.0514459), (0.2119035, 0.6806995, 0.1073970), (0.0883025, 0.2817188, 0.6299787))
_LAB = ((0.2104543, 0.7936178, -0.0040720), (1.9779985, -2.4285922, 0.4505937), (0.0259040, 0.7827718, -0.8086758))
#: Levels of red, green and blue that colours are chosen from.
_LEVELS = (0x00, 0x26, 0x4D, 0x73, 0x99, 0xBF, 0xE6)
#: Lightness of colours that are seen on white; greys keep clear of the majority class's black.
_LIGHTEST, _DARKEST, _DARKEST_GREY = 0.86, 0.30, 0.40
#: The least colourfulness of colours.
_COLOURFUL = 0.06

Point = tuple[float, ...]


class Colours:
    """Colours beside those that are taken; each is the farthest from all before it.

    Args:
        taken: Colours that are in use, as ``#RRGGBB``.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._far: dict[str, float] = {}
        for colour in taken:
            self._take(_seen(colour))

    def next(self, grey: bool = False) -> str:
        """Return another colour, as ``#RRGGBB``.

        Args:
            grey: Whether it is one of the greys, which controls have.
        """
        candidates = _candidates(grey)
        chosen = max(candidates, key=lambda colour: self._far.get(colour, 1.0))
        self._take(candidates[chosen])
        return chosen

    def _take(self, points: tuple[Point, ...]) -> None:
        for grey in (False, True):
            for colour, own in _candidates(grey).items():
                self._far[colour] = min(self._far.get(colour, 1.0), _apart(own, points))


def distance(one: str, other: str) -> float:
    """Return how far apart two colours are for everybody: in Oklab, where black and white are 1 apart.

    Between people who see all colours and those who do not, the smaller counts; the latter twice, since hues that they
    see as one leave only lightness.
    """
    return _apart(_seen(one), _seen(other))


def _apart(one: tuple[Point, ...], other: tuple[Point, ...]) -> float:
    far = [sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) ** 0.5 for p, q in zip(one, other, strict=True)]
    return min(far[0], *(2 * blind for blind in far[1:]))


@cache
def _candidates(grey: bool) -> dict[str, tuple[Point, ...]]:
    found = {}
    for levels in product(range(0x20, 0xD0, 0x08), repeat=1) if grey else product(_LEVELS, repeat=3):
        colour = "#" + "".join(f"{level:02X}" for level in (levels * 3 if grey else levels))
        points = _seen(colour)
        light, a, b = points[0]
        darkest = _DARKEST_GREY if grey else _DARKEST
        if darkest <= light <= _LIGHTEST and (grey or (a * a + b * b) ** 0.5 >= _COLOURFUL):
            found[colour] = points
    return found


def _seen(colour: str) -> tuple[Point, ...]:
    """Return where a colour lies in Oklab for people who see all colours, and for those who do not."""
    levels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in levels]
    return tuple(_oklab(own) for own in (linear, *(_times(matrix, linear) for matrix in _BLIND)))


def _oklab(linear: Iterable[float]) -> Point:
    cones = _times(_CONES, [min(max(value, 0.0), 1.0) for value in linear])
    return tuple(_times(_LAB, [value ** (1 / 3) for value in cones]))


def _times(matrix: Iterable[Iterable[float]], vector: list[float]) -> list[float]:
    return [sum(weight * value for weight, value in zip(row, vector, strict=True)) for row in matrix]
