"""What has changed in a cohort since it was prepared, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from sixgig.cohorts.base import Adapter, Discovery
from sixgig.cohorts.inventory import Inventory, Stock, discover
from sixgig.cohorts.labels import subject_labels
from sixgig.runtime.file_states import FileState

_SHOWN = 3


def describe_changes(adapter: Adapter, before: Inventory, now: Stock, named: bool = True) -> list[str]:
    """Say what has changed, such as ``labels.csv: 3 subjects relabelled, 1 removed``.

    Args:
        adapter: The cohort's adapter.
        before: What the cohort was prepared from.
        now: Its files now.
        named: Whether subjects and their files may be named.

    Returns:
        Sentences without an end; none when nothing has changed.

    Raises:
        CohortError: The cohort is no longer one that the adapter can read.
    """
    if now.state == before.state:
        return []
    tables, others = _split(before.files, now.files)
    said = []
    subjects = _subjects(before.labels, _labels(adapter, before, now), named)
    if tables:
        said.append(f"{_list(tables)}: {subjects or 'changed'}")
    elif subjects:
        said.append(subjects)
    if others:
        said.append(_files(others, before.files, now.files, named))
    return said


def _labels(adapter: Adapter, before: Inventory, now: Stock) -> dict[str, str | None]:
    """Return the class of every subject as it is now; where every file would have to be opened, of those of before."""
    if adapter.opens_files:
        table = subject_labels(adapter.options, list(before.labels), Discovery())
        return dict(before.labels) if table is None else {name: table.get(name) for name in before.labels}
    return {record.subject_id: record.classes for record in discover(adapter, now).records}


def _split(before: Mapping[str, FileState], now: Mapping[str, FileState]) -> tuple[list[str], list[str]]:
    """Return the names of tables that have changed, and of other files that have changed, come or gone."""
    differ = sorted(name for name in {*before, *now} if _text(before, name) != _text(now, name))
    tables = [name for name in differ if name in before and name in now and before[name].content and now[name].content]
    return tables, [name for name in differ if name not in tables]


def _text(files: Mapping[str, FileState], name: str) -> str:
    return files[name].text if name in files else ""


def _subjects(before: Mapping[str, str | None], now: Mapping[str, str | None], named: bool) -> str:
    differ = [name for name in now if name in before and now[name] != before[name]]
    parts: list[str] = []
    for names, what in (
        ([name for name in differ if None not in (now[name], before[name])], "relabelled"),
        ([name for name in differ if before[name] is None], "with a class now"),
        ([name for name in differ if now[name] is None], "without a class now"),
        ([name for name in now if name not in before], "added"),
        ([name for name in before if name not in now], "removed"),
    ):
        if names:
            noun = "" if parts else (" subject" if len(names) == 1 else " subjects")
            parts.append(f"{len(names):,}{noun} {what}" + (f" ({_list(names)})" if named else ""))
    return ", ".join(parts)


def _files(differ: Sequence[str], before: Mapping[str, FileState], now: Mapping[str, FileState], named: bool) -> str:
    gone = [name for name in differ if name not in now or now[name].size < 0]
    new = [name for name in differ if name not in gone and (name not in before or before[name].size < 0)]
    kept = [name for name in differ if name not in gone and name not in new]
    locked = [name for name in kept if before[name].readable != now[name].readable]
    changed = [name for name in kept if name not in locked]
    opened = [name for name in locked if now[name].readable]
    parts: list[str] = []
    for names, what in (
        (changed, "changed"), (new, "added"), (gone, "removed"), (opened, "readable now"),
        ([name for name in locked if name not in opened], "no longer readable"),
    ):  # fmt: skip
        if names:
            noun = "" if parts else (" file" if len(names) == 1 else " files")
            parts.append(f"{len(names):,}{noun} {what}")
    if not named:
        return ", ".join(parts)
    example = next(iter((*changed, *new, *locked, *gone)))
    return f"{', '.join(parts)}, such as {example}" if len(differ) > 1 else f"{parts[0]}: {example}"


def _list(names: Sequence[str]) -> str:
    shown = [PurePath(name).name for name in names[:_SHOWN]]
    return ", ".join(shown) + (", ..." if len(names) > _SHOWN else "")
