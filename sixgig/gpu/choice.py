"""Which card a job computes on, where the machine has several: the first that is free, one job on each.

How many jobs want a card at once is Snakemake's business (``--resources gpu=2``). Each of them takes the lock of a card
that nobody holds, and shows this card alone to CUDA in its own process and those that it starts, so that all other code
goes on knowing one card. Nothing is set outside of the job.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, MutableMapping, Sequence

from sixgig.gpu import lock
from sixgig.gpu.card import VISIBLE, Card, first_card, visible_cards

_POLL_SECONDS = 0.5
_TELL_SECONDS = 30.0

_taken = False


def take_free_card(
    tell: Callable[[str], object],
    environment: MutableMapping[str, str] | None = None,
    cards: Sequence[Card] | None = None,
    poll_seconds: float = _POLL_SECONDS,
) -> None:
    """Choose a free card for this process, once, and keep it until the process ends; with one card there is no choice.

    To be called before CUDA is started in this process: later it would go by the cards that it saw first. A card of
    another model than the first one is left alone: what is computed must not depend on which card was free.

    Args:
        tell: Called with a sentence now and then while all cards are taken.
        environment: Environment variables that are changed; ``os.environ`` when None.
        cards: The cards to choose from, the first one first; those of :func:`equal_cards` when None.
        poll_seconds: How long to wait between two looks at all cards.

    Raises:
        GpuError: See :func:`sixgig.gpu.lock.hold_gpu`.
    """
    global _taken
    variables = os.environ if environment is None else environment
    if _taken or lock.HELD_BY_PARENT in variables:
        return
    found = equal_cards() if cards is None else cards
    if len(found) < 2:
        return
    began, told = time.monotonic(), -_TELL_SECONDS
    while (free := next((card for card in found if lock.reserve(lock.lock_path(card.uuid))), None)) is None:
        waited = time.monotonic() - began
        if waited - told >= _TELL_SECONDS:
            told = waited
            tell(f"waiting for a GPU, {waited:.0f} s so far: other sixgig jobs hold all {len(found)}")
        time.sleep(poll_seconds)
    variables[VISIBLE] = free.cuda_name
    _taken = True


def equal_cards() -> list[Card]:
    """Return the cards that this process may use and that are of the first one's model, the first one first."""
    first = first_card()
    if first is None:
        return []
    return [first, *(card for card in visible_cards() if card.name == first.name and card.uuid != first.uuid)]
