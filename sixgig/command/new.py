"""`sixgig new`: look at data, write a commented study file for them, and say what was found and what to check."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from sixgig.command.findings import Findings
from sixgig.command.proposals import Proposal, label_options, propose
from sixgig.command.study_text import study_text
from sixgig.errors import CohortError, ConfigError, ImageError

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
    recipe = _recipe_words(source)
    findings = _of_recipe(source, recipe, labels) if recipe else _of_data(Path(source).expanduser(), labels)
    text = study_text(findings, source, output.name)
    Plan(yaml.safe_load(text))  # what is written can be run
    with output.open("x", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
    lines = [*findings.found, "", "Check:", *(f"  - {note}" for note in findings.notes), ""]
    return "\n".join([*lines, f"{output} is written. Next: sixgig run {output} -n shows the jobs, without -n it runs."])


def _of_data(source: Path, labels: Path | None) -> Findings:
    if source.is_dir() and Path.cwd().resolve().is_relative_to(source.resolve()):
        reason = "holds the folder that you are in, and results go below that"
        raise ConfigError(source, reason, "change to a folder outside your data, then run sixgig new again")
    proposal = propose(source, labels)
    records, adapter = proposal.discovery.records, proposal.adapter
    classes = Counter(record.label for record in records if record.label is not None)
    if len(classes) < 2:
        names = ", ".join(classes) or "none"
        step = (
            "give a CSV with the columns subject_id and label: --labels FILE" if "labels" in adapter.option_keys else ""
        )
        reason = f"holds {len(records)} subjects of {len(classes)} classes ({names}), and a study needs two classes"
        raise ConfigError(source, reason, step or f"correct the classes: {adapter.layout}")
    items = sum(len(record.items) for record in records)
    unit = "volumes" if adapter.dimensions == 3 else "images"
    found = [
        f"{adapter.title}: {len(records)} subjects, {items} {unit}",
        f"Classes: {', '.join(f'{name} ({count})' for name, count in sorted(classes.items()))}",
    ]
    findings = Findings(_name(source), proposal.stanza, found, [*proposal.notes, adapter.subject_note])
    unlabelled = len(records) - sum(classes.values())
    if unlabelled:
        findings.notes.append(
            f"{unlabelled} subjects have no class: arms that learn see them, nothing is tested on them"
        )
    _add_rejections(proposal, findings)
    _add_first_item(proposal, findings)
    _add_splits(proposal, findings)
    _add_positive(findings, sorted(classes))
    return findings


def _of_recipe(source: str, words: list[str], labels: Path | None) -> Findings:
    from sixgig.sources.recipes import BY_HAND, check_recipe, download_of

    name, dataset, *sizes = words
    recipe: dict[str, Any] = {"name": name, "dataset": dataset}
    volumes = name != "medmnist" or dataset.endswith("3d")
    if name == "medmnist":
        recipe["size"] = _size(sizes) if sizes else 64 if volumes else 128
    stanza: dict[str, Any] = {"adapter": name, "source": {"recipe": recipe}}
    if name == "medmnist":
        stanza |= {"official_splits": True, **({"dimensions": 3, "crop": "none"} if volumes else {})}
    try:
        check_recipe(stanza, source)
    except ConfigError as error:
        step = f"{error.next_step}. With the files there: sixgig new FOLDER" if name in BY_HAND else error.next_step
        raise ConfigError(source, error.reason, step) from None
    download = download_of(recipe, source)
    assert download is not None  # check_recipe() refuses cohorts that the user has to fetch
    found = [
        f"{dataset}: fetched from {download.url} when the study runs, and checked by its {download.checksum.algorithm}"
    ]
    findings = Findings(_name(Path(dataset)), stanza, found)
    if name == "medmnist":
        from sixgig.cohorts.medmnist import CLASSES, MedMnistAdapter

        findings.depth = recipe["size"] if volumes else None
        findings.found.append(f"Classes: {', '.join(CLASSES[dataset])}")
        findings.notes += [MedMnistAdapter.subject_note, "the official test set is held out and scored once"]
        _add_positive(findings, sorted(CLASSES[dataset]))
    else:
        stanza |= label_options(name, labels)
        findings.notes.append("subjects and classes are known once the files are there")
        if labels is None:
            step = "give a CSV with the columns subject_id and label: --labels FILE"
            raise ConfigError(dataset, "carries no classes", step)
    return findings


def _recipe_words(source: str) -> list[str]:
    """Return the parts of ``recipe:data set:size``; nothing for a path."""
    from sixgig.plan.config import load_schema

    cohort = load_schema()["$defs"]["cohort"]["properties"]
    names = cohort["source"]["properties"]["recipe"]["properties"]["name"]["enum"]
    name, *others = source.split(":")
    if name not in names or Path(source).exists():
        return []
    return [name, *others] if others else [name, ""]


def _size(words: list[str]) -> int:
    if len(words) > 1 or not words[0].isdigit():
        raise ConfigError("SOURCE", f"ends in {':'.join(words)}", "write it as medmnist:pneumoniamnist:128")
    return int(words[0])


def _name(path: Path) -> str:
    """Return a name that the schema allows, from that of a folder or file."""
    name = re.sub(r"[^a-z0-9]+", "_", path.resolve().name.split(".")[0].lower()).strip("_")
    return name if re.match("[a-z]", name) and name != "downloads" else f"cohort_{name}".strip("_")


def _add_rejections(proposal: Proposal, findings: Findings) -> None:
    rejected = proposal.discovery.rejections
    if rejected:
        shown = "; ".join(f"{one.file} ({one.reason})" for one in rejected[:_SHOWN])
        findings.notes.append(f"{len(rejected)} inputs are left out: {shown}{' ...' if len(rejected) > _SHOWN else ''}")


def _add_first_item(proposal: Proposal, findings: Findings) -> None:
    """Read one image or volume, for its size."""
    record = proposal.discovery.records[0]
    try:
        item = next(iter(proposal.adapter.read(record)))
    except ImageError as error:
        findings.notes.append(f"the first subject cannot be read: {error.place} {error.reason}")
        return
    shape = item.array.shape
    if proposal.adapter.dimensions == 2:
        findings.found.append(
            f"The first image has {shape[1]} x {shape[0]} pixels, {'RGB' if len(shape) > 2 else 'grey'}"
        )
        return
    findings.depth = shape[2]
    spacing = " x ".join(f"{value:.3g}" for value in getattr(item, "spacing", ()))
    findings.found.append(f"The first volume has {shape[0]} x {shape[1]} x {shape[2]} voxels of {spacing} mm")


def _add_splits(proposal: Proposal, findings: Findings) -> None:
    """Choose the number of folds, and hold out an official test set, as the drawing of splits allows."""
    import pandas as pd

    from sixgig.evaluation.splits import make_splits

    rows = [(record.subject_id, record.label, record.official) for record in proposal.discovery.records]
    manifest = pd.DataFrame(rows, columns=["subject_id", "label", "official"])
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
                )
            except CohortError as error:
                problem = error
                continue
            findings.folds = folds
            if hold_out:
                findings.stanza["official_splits"] = True
                findings.notes.append("the official test set is held out and scored once (official_splits)")
            if folds < _FOLDS[0]:
                findings.notes.append(f"the smallest class has few subjects: {folds} folds, and wide intervals")
            return
    assert problem is not None  # the last number of folds failed
    raise ConfigError(problem.place, problem.reason, problem.next_step)


def _add_positive(findings: Findings, classes: list[str]) -> None:
    if len(classes) == 2:
        findings.stanza["positive"] = classes[-1]
        findings.notes.append(
            f"the positive class is {classes[-1]}: sensitivity, specificity and the ROC curve are about it"
        )
