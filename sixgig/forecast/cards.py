"""A machine that is not at hand: the user's laptop, with a card from its data sheet."""

from __future__ import annotations

from dataclasses import replace

from sixgig.forecast.rates import LAPTOP, Machine
from sixgig.forecast.sheets import CardSheet, find_card

__all__ = ["CardSheet", "find_card", "machine_with_card"]


def machine_with_card(name: str) -> Machine:
    """Return the user's laptop with a card from its data sheet; what is assumed of the rest is in LAPTOP.

    Raises:
        ConfigError: There is no such card in the table.
    """
    sheet = find_card(name)
    return replace(LAPTOP, name=f"a laptop with {sheet.name}", card=sheet)
