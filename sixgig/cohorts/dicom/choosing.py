"""Which series of a subject are its volumes: asked, the best by rule, or all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sixgig.cohorts.base import Remark
from sixgig.cohorts.dicom.stacks import Stack
from sixgig.cohorts.dicom.values import number, text
from sixgig.errors import CohortError

ASK, BEST, ALL = "ask", "best", "all"
WAYS = (ASK, BEST, ALL)
_SHOWN = 12
_Kind = tuple[str, ...]


def choose(
    found: Mapping[str, Sequence[Stack]], how: str, root: object, *, single: str | None = None
) -> tuple[dict[str, list[Stack]], list[Remark]]:
    """Choose the stacks of every subject.

    Args:
        found: Subject -> its stacks.
        how: ``ask``: a subject's stacks have to be of one kind (modality, description, direction and what is apart in a
            series), and the cohort's of one modality. ``best``: one stack for each subject: of the kind that most
            subjects have, then original before derived, then the most slices, then the lowest series number. ``all``.
        root: The cohort's folder, for the error message.
        single: With ``ask``: a subject may have one stack only, also of one kind; what it is for, for the error
            message.

    Returns:
        Subject -> chosen stacks, and remarks on what was not taken.

    Raises:
        CohortError: ``ask``, and it is not clear what is to be compared.
    """
    if how == ALL:
        return {subject: list(stacks) for subject, stacks in found.items()}, []
    if how == BEST:
        return _best(found)
    mixed = [subject for subject, stacks in found.items() if len({_folded(stack.kind) for stack in stacks}) > 1]
    modalities = {stack.first.modality for stacks in found.values() for stack in stacks} - {""}
    twice = [subject for subject, stacks in found.items() if single and len(stacks) > 1]
    what = single or "series"
    if mixed or len(modalities) > 1 or twice:
        kinds = _kinds(found)
        if mixed:
            reason = f"{len(mixed)} of {len(found)} subjects have {what} of several kinds"
        elif twice:
            reason = f"{len(twice)} of {len(found)} subjects have several {what} of one kind"
        else:
            reason = f"subjects have {what} of several modalities"
        shown = "; ".join(f"{_name(kind)}: {number} subjects" for kind, number in kinds[:_SHOWN])
        more = f"; and {len(kinds) - _SHOWN} more" if len(kinds) > _SHOWN else ""
        suggestion = _suggestion([kind for kind, _ in kinds])
        ways = (
            "; or write series: best (the kind that most subjects have, one for each) or series: all (every one is a "
            "volume of its subject)"
        )
        raise CohortError(
            root,
            f"{reason}, and which of them is the image is not said: {shown}{more}",
            f"say it with select, such as {suggestion}{ways}"
            if not single
            else f"say it in series, such as {suggestion}",
        )
    return {subject: list(stacks) for subject, stacks in found.items()}, []


def _best(found: Mapping[str, Sequence[Stack]]) -> tuple[dict[str, list[Stack]], list[Remark]]:
    ranks = {_folded(kind): rank for rank, (kind, _) in enumerate(_kinds(found))}
    chosen, remarks = {}, []
    for subject, stacks in found.items():
        ordered = sorted(stacks, key=lambda stack: _rank(stack, ranks))
        chosen[subject], kept = ordered[:1], ordered[0].files
        if ranks[_folded(ordered[0].kind)] > 0:
            reason = "is of another kind than the series of most subjects, and the best that its subject has"
            remarks.append(Remark("intensity", ordered[0].first.source, subject, reason))
        for stack in ordered[1:]:
            reason = "is of a series that is not its subject's best"
            remarks += [Remark("not read", file, subject, reason) for file in stack.files - kept]
    return chosen, remarks


def _rank(stack: Stack, ranks: Mapping[_Kind, int]) -> tuple[object, ...]:
    values = stack.first.values
    derived = "DERIVED" in (value.upper() for value in values.get("ImageType", ()))
    series = number(values, "SeriesNumber")
    return (
        ranks[_folded(stack.kind)],
        derived,
        -len(stack.planes),
        float("inf") if series is None else series,
        text(values, "SeriesInstanceUID"),
        stack.first.source,
    )


def _kinds(found: Mapping[str, Sequence[Stack]]) -> list[tuple[_Kind, int]]:
    """Return the kinds with the number of subjects that have one, most frequent first."""
    shown: dict[_Kind, _Kind] = {}
    counts: Counter[_Kind] = Counter()
    slices: Counter[_Kind] = Counter()
    for stacks in found.values():
        for stack in stacks:
            shown.setdefault(_folded(stack.kind), stack.kind)
            slices[_folded(stack.kind)] += len(stack.planes)
        counts.update({_folded(stack.kind) for stack in stacks})
    ordered = sorted(counts, key=lambda kind: (-counts[kind], -slices[kind], kind))
    return [(shown[kind], counts[kind]) for kind in ordered]


def _folded(kind: _Kind) -> _Kind:
    return tuple(part.casefold() for part in kind)


def _name(kind: _Kind) -> str:
    modality, name, direction, *apart = kind
    return ", ".join(part for part in (f"{modality} {name!r}" if name else modality, direction, *apart) if part)


def _suggestion(kinds: Sequence[_Kind]) -> str:
    """Return the first condition that tells the commonest kind from another one."""
    first = kinds[0]
    for other in kinds[1:]:
        if other[0] != first[0]:
            return f"select: {{Modality: {first[0]}}}"
        if other[1] != first[1]:
            return f'select: {{SeriesDescription: "{first[1]}"}}'
        if other[3:] != first[3:]:
            tag, _, value = (first[3:] or other[3:])[0].partition(" ")
            return f"select: {{{tag}: {value}}}"
        return f"select: {{plane: {first[2]}}}"
    return "select: {SeriesNumber: 3}"
