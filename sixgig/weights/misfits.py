"""What is said of a checkpoint that does not fill its network."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError

if TYPE_CHECKING:
    from sixgig.weights.attempts import Attempt

_SHOWN = 3


def nothing_fits(
    place: str, network: Any, tried: Sequence[Attempt], beginnings: Callable[[str], Sequence[str]]
) -> WeightsError:
    """Return the error that nothing fills a network whole.

    Args:
        place: Where the tensors come from.
        network: The network.
        tried: All attempts.
        beginnings: Returns what names in the checkpoint begin with behind a prefix, and without it.
    """
    best = max(tried, key=lambda found: (len(found.tensors), -len(found.unexpected)))
    model = (getattr(network, "pretrained_cfg", None) or {}).get("architecture", "")
    problems = []
    if best.missing:
        problems.append(f"{len(best.missing)} missing (first: {_with_nearest(best.missing, best.unexpected)})")
    if best.unexpected:
        problems.append(f"{len(best.unexpected)} unexpected (first: {', '.join(best.unexpected[:_SHOWN])})")
    if best.reshaped:
        problems.append(f"{len(best.reshaped)} of another shape (first: {'; '.join(best.reshaped[:_SHOWN])})")
    filled: dict[str, tuple[int, str]] = {}
    for found in tried:
        filled[found.layout] = max(filled.get(found.layout, (-1, "")), (len(found.tensors), found.prefix))
    listed = ", ".join(f"{layout} {count}" for layout, (count, _) in filled.items())
    inside = f", those behind {best.prefix!r} with {', '.join(beginnings(best.prefix))}" if best.prefix else ""
    behind = f" behind {best.prefix!r}" if best.prefix else ""
    return WeightsError(
        place,
        f"the tensors do not fit the network {type(network).__name__}{f' ({model})' if model else ''}: read as "
        f"{best.layout}{behind}, {'; '.join(problems)}. Layouts tried, and how many of {best.size} tensors each "
        f"filled: {listed}. Names in the file begin with {', '.join(beginnings(''))}{inside}",
        "check that `model` and `converter` name the network that these weights belong to, in its size and patch; "
        "set `prefix` if its tensors stand behind other names; a checkpoint of part of a network cannot be used",
    )


def ambiguous(place: str, found: Sequence[Attempt]) -> WeightsError:
    """Return the error that several parts of a checkpoint fill a network and none is the usual choice."""
    names = [f"`{one.prefix}` ({one.layout})" for one in found]
    return WeightsError(
        place,
        f"{len(found)} parts of it fill the network: {', '.join(names)}",
        f"say which is meant, such as `prefix: {found[0].prefix}`",
    )


def no_such_prefix(place: str, prefix: str, beginnings: Sequence[str]) -> WeightsError:
    """Return the error that no name in a checkpoint begins with the prefix of the study file."""
    return WeightsError(
        place,
        f"no tensor's name begins with {prefix!r}; names begin with {', '.join(beginnings)}",
        "correct `prefix`, or leave it out to have it found",
    )


def _with_nearest(missing: Sequence[str], candidates: Sequence[str]) -> str:
    shown = []
    for name in missing[:_SHOWN]:
        near = difflib.get_close_matches(name, candidates, n=1)
        shown.append(f"{name}, nearest is {near[0]}" if near else name)
    return ", ".join(shown)
