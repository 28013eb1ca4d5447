"""Have a card to oneself, and watch it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sixgig.errors import PassingError
from sixgig.gpu import lock
from sixgig.gpu.lost import card_lost, is_lost
from sixgig.gpu.watch import GpuWatch
from sixgig.runtime.progress import tell as tell_people


@contextmanager
def card_alone(card: str | None, label: str, series: Path | None = None) -> Iterator[GpuWatch]:
    """Have a card to oneself for the length of the block, and watch it.

    Args:
        card: What identifies the card; None on a CPU, where nothing is held or watched.
        label: Name of the job, for people.
        series: CSV for what the card says every second; None writes none.

    Raises:
        GpuError: See :func:`sixgig.gpu.lock.hold_gpu`.
        PassingError: The card is gone: it may be there for the next attempt.
    """

    def tell(text: str) -> None:
        tell_people(f"[{label}] {text}")

    watch = GpuWatch(card, series=series, tell=tell)
    if card is None:
        yield watch
        return
    with lock.hold_gpu(lock.lock_path(card), tell), watch:
        try:
            yield watch
        except PassingError:
            raise
        except Exception as error:
            if not is_lost(error):
                raise
            raise card_lost(error) from error
