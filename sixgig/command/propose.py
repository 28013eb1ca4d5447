"""What a cohort's stanza may be, by what lies in a folder or a file; the adapters themselves say whether it fits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from sixgig.cohorts.base import KEEP_THE_LABELS, Adapter, Discovery
from sixgig.cohorts.csv_rows import read_rows
from sixgig.cohorts.registry import adapter_names, load_adapter, open_adapter
from sixgig.command import guesses
from sixgig.command.columns import LABEL, SUBJECT, class_column, named
from sixgig.command.findings import Options
from sixgig.errors import CohortError, ConfigError

#: Reasons for which files are passed over that are shown.
_SHOWN = 3
#: Next step where subjects have no class.
GIVE_LABELS = "give a CSV with the columns subject_id and label: --labels FILE"


@dataclass
class Proposal:
    """A stanza that an adapter can read, and what it finds.

    Attributes:
        stanza: The cohort's part of the study file.
        adapter: The adapter with the stanza's options.
        discovery: Its subjects, and inputs that it leaves out.
        notes: What the user should check, as sentences.
    """

    stanza: dict[str, Any]
    adapter: Adapter
    discovery: Discovery
    notes: list[str] = field(default_factory=list)


def propose(source: Path, labels: Path | None = None) -> Proposal:
    """Look at a folder or file and find the adapter that reads it.

    Args:
        source: The folder or file.
        labels: CSV with the class of each subject, for cohorts that carry none.

    Raises:
        ConfigError: No adapter can read it, or the one that can takes no labels.
        CohortError: It looks like a cohort, and its files cannot be used.
    """
    if not source.exists():
        raise ConfigError(source, "does not exist", "name a folder, a file, or a public cohort by name")
    lacking = {name: load_adapter(name)().missing(source) for name in sorted(adapter_names(), key=_rank)}
    fitting = [name for name, problems in lacking.items() if not problems]
    if not fitting:
        reasons = "".join(f"\n    {name}: {problems[0]}" for name, problems in lacking.items())
        layouts = "".join(f"\n    {name}: {load_adapter(name).layout}" for name in lacking)
        raise ConfigError(source, f"is nothing that sixgig reads:{reasons}", f"name one of these:{layouts}")
    name, *others = fitting
    found = _first_that_reads(source, name, labels)
    if others:
        found.notes.append(f"it is read by the adapter {name}; {' and '.join(others)} could read something there too")
    return found


def label_options(name: str, labels: Path | None) -> dict[str, Any]:
    """Return the key ``labels`` of a stanza; nothing without a table.

    Args:
        name: The adapter.
        labels: CSV with a column of subjects and one of classes.

    Raises:
        ConfigError: The adapter finds the classes itself, or the table has no such columns.
    """
    if labels is None:
        return {}
    if "labels" not in load_adapter(name).option_keys:
        reason = f"is not used: {load_adapter(name).title} carries its classes itself"
        raise ConfigError("--labels", reason, "leave it out")
    rows = read_rows(labels, ())
    header = list(rows[0]) if rows else []
    subject = named(header, SUBJECT) or (header[0] if header else None)
    label = named(header, LABEL) or class_column(rows, {subject})
    if subject is None or label is None:
        raise ConfigError(labels, "has no column of classes", "write a CSV with the columns subject_id and label")
    return {"labels": {"file": str(labels), "subject": subject, "label": label}}


def guess(name: str) -> ModuleType | None:
    """Return the module that knows what an adapter's stanza may be; None where a path is all it needs."""
    module = f"{guesses.__name__}.{name}"
    return import_module(module) if find_spec(module) else None


def _first_that_reads(source: Path, name: str, labels: Path | None) -> Proposal:
    given = label_options(name, labels)
    problem: CohortError | None = None
    ways: list[Options] = [({}, [])]
    if hasattr(guess(name), "options"):
        ways = guess(name).options(load_adapter(name), source)  # type: ignore[union-attr]
    for options, notes in ways:
        stanza = {"adapter": name, "source": {"path": str(source)}, **options, **given}
        try:
            return _with_labels_of_images(_discovered(stanza, source, notes), source)
        except CohortError as error:
            problem = problem or error
    assert problem is not None  # every adapter has at least one way to be opened
    raise problem


def _discovered(stanza: dict[str, Any], source: Path, notes: list[str]) -> Proposal:
    adapter = open_adapter(stanza)
    found = adapter.discover(source)
    passed_over = Counter(remark.text for remark in found.remarks if remark.kind == "not read")
    said = [f"{number} files are passed over: {text}" for text, number in passed_over.most_common(_SHOWN)]
    return Proposal(stanza, adapter, found, [*notes, *said])


def _with_labels_of_images(found: Proposal, source: Path) -> Proposal:
    """Give each image its own class where subjects would be left out because their images are of several."""
    lost = sum(KEEP_THE_LABELS in rejection.reason for rejection in found.discovery.rejections)
    if not lost:
        return found
    note = (
        f"{lost} subjects have images of several classes, so each image keeps its class (labels_of), and metrics count "
        "images; `metrics_of: subject` counts subjects"
    )
    return _discovered({**found.stanza, "labels_of": "image"}, source, [*found.notes, note])


def _rank(name: str) -> tuple[int, str]:
    return getattr(guess(name), "RANK", 0), name
