"""GPUs by their data sheets."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from sixgig.errors import ConfigError

#: Shares of a data sheet's peak that these networks reach: assumptions, between what is reported for training and
#: inference of networks of this size with PyTorch in mixed precision. ``float32`` is the share of the float32 peak.
TENSOR_SHARE, FLOAT32_SHARE, BANDWIDTH_SHARE = 0.4, 0.55, 0.7


@dataclass(frozen=True)
class CardSheet:
    """What a data sheet says of a card.

    Attributes:
        name: Its name.
        memory_mb: Memory in MiB.
        float32_tflops: Peak in float32 without tensor cores.
        tensor_tflops: Peak of dense half-precision matrix products with float32 sums.
        bandwidth_gb_s: Bandwidth of its memory.
        bfloat16: Whether it computes bfloat16 natively.
        measured: Whether the peaks were measured on the card itself, and need no share.
    """

    name: str
    memory_mb: float
    float32_tflops: float
    tensor_tflops: float
    bandwidth_gb_s: float
    bfloat16: bool = True
    measured: bool = False

    def flops(self, precision: str) -> float:
        """Return operations a second that a network reaches in a precision."""
        half = precision != "float32"
        peak = self.tensor_tflops if half else self.float32_tflops
        share = 1.0 if self.measured else TENSOR_SHARE if half else FLOAT32_SHARE
        return 1e12 * peak * share

    @property
    def bytes_per_second(self) -> float:
        """Bytes a second that element-wise work reaches."""
        return 1e9 * self.bandwidth_gb_s * (1.0 if self.measured else BANDWIDTH_SHARE)


def _sheet(name: str, gib: float, float32: float, tensor: float, bandwidth: float, bfloat16: bool = True) -> CardSheet:
    return CardSheet(name, gib * 1024, float32, tensor, bandwidth, bfloat16)


#: Peaks of NVIDIA's architecture papers and product pages: GeForce cards of these generations
#: compute half-precision products with float32 sums at twice their float32 rate.
#: Laptop cards are at their usual power limits, not at the highest that a maker may set.
SHEETS = {
    sheet.name: sheet
    for sheet in (
        _sheet("RTX 3050 4GB Laptop", 4, 5.5, 11, 192),
        _sheet("RTX 3050 6GB Laptop", 6, 6.2, 12.4, 168),
        _sheet("RTX 3050 6GB", 6, 6.8, 13.6, 168),
        _sheet("RTX 3050 8GB", 8, 9.1, 18.2, 224),
        _sheet("RTX 3050 Ti Laptop", 4, 6.6, 13.2, 192),
        _sheet("RTX 3060 Laptop", 6, 10.9, 21.8, 336),
        _sheet("RTX 3060", 12, 12.7, 25.4, 360),
        _sheet("RTX 3070 Laptop", 8, 15.9, 31.8, 448),
        _sheet("RTX 3070", 8, 20.3, 40.6, 448),
        _sheet("RTX 3080", 10, 29.8, 59.6, 760),
        _sheet("RTX 3090", 24, 35.6, 71.2, 936),
        _sheet("RTX 4050 Laptop", 6, 9.0, 18, 192),
        _sheet("RTX 4060 Laptop", 8, 11.6, 23.2, 256),
        _sheet("RTX 4060", 8, 15.1, 30.2, 272),
        _sheet("RTX 4070 Laptop", 8, 15.6, 31.2, 256),
        _sheet("RTX 4070", 12, 29.1, 58.2, 504),
        _sheet("RTX 4080", 16, 48.7, 97.4, 717),
        _sheet("RTX 4090", 24, 82.6, 165.2, 1008),
        _sheet("GTX 1650", 4, 3.0, 6, 128, bfloat16=False),
        _sheet("GTX 1660 Ti", 6, 5.4, 11, 288, bfloat16=False),
        _sheet("RTX 2060", 6, 6.5, 26, 336, bfloat16=False),
        _sheet("T4", 15, 8.1, 65, 320, bfloat16=False),
        _sheet("V100", 16, 15.7, 125, 900, bfloat16=False),
        _sheet("A10", 24, 31.2, 125, 600),
        _sheet("L4", 24, 30.3, 121, 300),
        _sheet("A100", 40, 19.5, 312, 1555),
        _sheet("A100 80GB", 80, 19.5, 312, 2039),
        _sheet("H100", 80, 66.9, 989, 3350),
        _sheet("H200", 141, 66.9, 989, 4800),
    )
}
_NOISE = re.compile(r"\b(nvidia|geforce|tesla|quadro|gpu|graphics|card)\b")


def find_card(name: str) -> CardSheet:
    """Return the data sheet of a card.

    Case, spaces, hyphens and the maker's name do not count; the order of the words neither.

    Raises:
        ConfigError: There is no such card in the table; the nearest names are given.
    """
    wanted = _words(name)
    if wanted:
        for sheet in SHEETS.values():
            if _words(sheet.name) == wanted:
                return sheet
        holding = [sheet for sheet in SHEETS.values() if wanted <= _words(sheet.name)]
        if len(holding) == 1:
            return holding[0]
        if len(holding) > 1 and not any(wanted == _words(sheet.name) for sheet in holding):
            names = " or ".join(sheet.name for sheet in holding)
            raise ConfigError(f"--device {name}", "stands for several cards", f"write {names}")
        inside = [sheet for sheet in SHEETS.values() if _words(sheet.name) <= wanted]
        if inside:
            return max(inside, key=lambda sheet: len(_words(sheet.name)))
    nearest = ", ".join(sorted(SHEETS, key=lambda known: -_likeness(wanted, _words(known)))[:4])
    raise ConfigError(f"--device {name}", "is no card whose data sheet sixgig knows", f"use one of {nearest}")


def _likeness(wanted: frozenset[str], known: frozenset[str]) -> float:
    """Return how alike two names are, word by word; words that nobody asked for count a little against."""
    best = [max(difflib.SequenceMatcher(None, word, other).ratio() for other in known) for word in sorted(wanted)]
    return sum(best) - 0.05 * len(known)


def _words(name: str) -> frozenset[str]:
    plain = _NOISE.sub(" ", name.lower().replace("-", " ").replace("_", " "))
    plain = re.sub(r"(\d+)\s*gi?b\b", r"\1gb", plain)
    plain = re.sub(r"\b(rtx|gtx)(\d)", r"\1 \2", plain)
    plain = re.sub(r"(\d{4})\s*(ti|super)\b", r"\1 \2", plain)
    return frozenset(plain.split())
