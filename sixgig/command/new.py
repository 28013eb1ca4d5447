"""`sixgig new`: look at data, write a commented study file for them, and say what was found and what to check."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sixgig.command.findings import Findings, cohort_name
from sixgig.command.propose import GIVE_LABELS, Proposal, propose
from sixgig.command.public_cohorts import find_public_cohort, is_public_cohort
from sixgig.command.study_text import study_text
from sixgig.errors import CohortError, ConfigError, ImageError
from sixgig.tables.levels import labels_of

#: Folds of the outer cross-validation; the first number that suits the smallest class is taken. Two folds need more.
_FOLDS = (5, 4, 3)
_PRETRAINING = 0.25
_SHOWN = 3


def new_study(source: str, output: Path, labels: Path | None = None) -> str:
    """Write a study file.

    Args:
        source: A folder, a file, or a public cohort by name, such as ``medmnist:pneumoniamnist``.
        output: The study file; it must not exist.
        labels: CSV with the class of each subject, for cohorts that carry none.

    Returns:
        What was found, what to check and what to do next, for people.

    Raises:
        SixgigError: There is nothing that can be read, or the file exists.
    """
    import yaml

    from sixgig.plan.plan import Plan

    if output.exists():
        raise ConfigError(output, "exists already", "remove it, or name another file with --output")
    named = is_public_cohort(source)
    findings = find_public_cohort(source, labels) if named else _look_at(Path(source).expanduser(), labels)
    text = study_text(findings, source, output.name)
    Plan(yaml.safe_load(text))  # what is written can be run
    with output.open("x", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
    lines = [*findings.found, "", "Check:", *(f"  - {note}" for note in findings.notes), ""]
    return "\n".join([*lines, f"{output} is written. Next: sixgig run {output} -n shows the jobs, without -n it runs."])


def _look_at(source: Path, labels: Path | None) -> Findings:
    if source.is_dir() and Path.cwd().resolve().is_relative_to(source.resolve()):
        reason = "holds the folder that you are in, and results go below that"
        raise ConfigError(source, reason, "change to a folder outside your data, then run sixgig new again")
    proposal = propose(source, labels)
    records, adapter = proposal.discovery.records, proposal.adapter
    given = [label for _, label, _ in _labelled(proposal)]
    classes = Counter(label for label in given if label is not None)
    if len(classes) < 2:
        names = ", ".join(classes) or "none"
        reason = f"holds {len(records)} subjects of {len(classes)} classes ({names}), and a study needs two classes"
        step = GIVE_LABELS if "labels" in adapter.option_keys else f"correct the classes: {adapter.layout}"
        raise ConfigError(source, reason, step)
    items = sum(len(record.items) for record in records)
    unit = "volumes" if adapter.dimensions == 3 else "images"
    found = [
        f"{adapter.title}: {len(records)} subjects, {items} {unit}",
        f"Classes: {', '.join(f'{name} ({count})' for name, count in sorted(classes.items()))}",
    ]
    findings = Findings(cohort_name(source), proposal.stanza, found, [*proposal.notes, adapter.subject_note])
    unlabelled = given.count(None)
    if unlabelled:
        what = "images" if "labels_of" in proposal.stanza else "subjects"
        findings.notes.append(f"{unlabelled} {what} have no class: arms that learn see them, nothing is tested on them")
    _add_rejections(proposal, findings)
    _add_first_item(proposal, findings)
    _add_splits(proposal, findings)
    findings.choose_positive(sorted(classes))
    return findings


def _labelled(proposal: Proposal) -> list[tuple[str, str | None, str | None]]:
    """Subject, class and official set of everything that has a class: subjects, or images with classes of their own."""
    return [
        (record.subject_id, record.label if record.label is not None else item.label, record.official)
        for record in proposal.discovery.records
        for item in (record.items if "labels_of" in proposal.stanza else record.items[:1])
    ]


def _add_rejections(proposal: Proposal, findings: Findings) -> None:
    rejected = proposal.discovery.rejections
    if rejected:
        shown = "; ".join(f"{one.file} ({one.reason})" for one in rejected[:_SHOWN])
        findings.notes.append(f"{len(rejected)} inputs are left out: {shown}{' ...' if len(rejected) > _SHOWN else ''}")


def _add_first_item(proposal: Proposal, findings: Findings) -> None:
    """Read one image or volume, for its size."""
    record = proposal.discovery.records[0]
    try:
        item = proposal.adapter.read_item(record, record.items[0])
    except ImageError as error:
        findings.notes.append(f"the first subject cannot be read: {error.place} {error.reason}")
        return
    except OSError as error:
        findings.notes.append(f"the first subject cannot be read: {error}")
        return
    shape = item.array.shape
    if proposal.adapter.dimensions == 2:
        kind = "RGB" if len(shape) > 2 else "grey"
        deep = item.array.dtype.itemsize > 1 or item.array.dtype.kind != "u"
        findings.found.append(
            f"The first image has {shape[1]} x {shape[0]} pixels, {kind}{', of more than 8 bits' if deep else ''}"
        )
        if deep:
            findings.notes.append(
                "images of more than 8 bits are shown between the 1st and the 99th percentile of their own pixels: "
                "where values mean the same in all of them, set normalise: {method: window, low: ..., high: ...}"
            )
        return
    findings.depth = shape[2]
    spacing = " x ".join(f"{value:.3g}" for value in getattr(item, "spacing", ()))
    findings.found.append(f"The first volume has {shape[0]} x {shape[1]} x {shape[2]} voxels of {spacing} mm")


def _add_splits(proposal: Proposal, findings: Findings) -> None:
    """Choose the number of folds, and hold out an official test set, as the drawing of splits allows."""
    import pandas as pd

    from sixgig.evaluation.splits import make_splits

    manifest = pd.DataFrame(_labelled(proposal), columns=["subject_id", "label", "official"])
    held_out = bool((manifest["label"].notna() & (manifest["official"] == "test")).any())
    problem: CohortError | None = None
    for hold_out in (True, False) if held_out else (False,):
        for folds in _FOLDS:
            try:
                make_splits(
                    manifest,
                    folds=folds,
                    repeats=1,
                    pretraining_fraction=_PRETRAINING,
                    scope="inductive",
                    seed=0,
                    hold_out=hold_out,
                    labels_of=labels_of(proposal.stanza),
                )
            except CohortError as error:
                problem = error
                continue
            findings.folds = folds
            if hold_out:
                findings.hold_out()
            if folds < _FOLDS[0]:
                findings.notes.append(f"the smallest class has few subjects: {folds} folds, and wide intervals")
            return
    assert problem is not None  # the last number of folds failed
    raise ConfigError(findings.stanza["source"]["path"], f"{problem.place} {problem.reason}", problem.next_step)
