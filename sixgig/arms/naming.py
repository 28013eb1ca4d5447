"""Messages of a kind name its stanza ``arms.<kind>``; here they get the name of the arm that they are about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sixgig.arms.seeds import arm_and_seed
from sixgig.errors import SixgigError


@contextmanager
def naming(kind: str, name: str) -> Iterator[None]:
    """Within this context, errors that name a kind name the arm in its place, whatever its seed."""
    name, _ = arm_and_seed(name)
    try:
        yield
    except SixgigError as error:
        if kind != name:
            word = re.compile(rf"\b{re.escape(kind)}\b")
            error.place, error.reason, error.next_step = error.args = tuple(
                word.sub(name, part) for part in (error.place, error.reason, error.next_step)
            )
        raise
