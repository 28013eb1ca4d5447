"""Public cohorts by name: what their stanza is, before any file of theirs is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sixgig.cohorts.registry import open_adapter
from sixgig.command.findings import Findings, Public, cohort_name
from sixgig.command.propose import GIVE_LABELS, guess, label_options
from sixgig.errors import ConfigError
from sixgig.plan.schema import load_schema
from sixgig.sources.recipes import BY_HAND, check_recipe, download_of


def is_public_cohort(source: str) -> bool:
    """Whether a source is the name of a recipe, with or without a data set, and no file of that name is there."""
    cohort = load_schema()["$defs"]["cohort"]["properties"]
    names = cohort["source"]["properties"]["recipe"]["properties"]["name"]["enum"]
    return source.split(":")[0] in names and not Path(source).exists()


def find_public_cohort(source: str, labels: Path | None = None) -> Findings:
    """Return what is known about a public cohort before it is fetched.

    Args:
        source: Such as ``medmnist:pneumoniamnist:128``: recipe, data set and, for MedMNIST, side of the images.
        labels: CSV with the class of each subject, for cohorts that carry none.

    Raises:
        ConfigError: There is no such data set or size, it carries no classes, or only registered users get it.
    """
    name, dataset, *sizes = [*source.split(":"), ""] if ":" not in source else source.split(":")
    size = _size(source, sizes) if sizes else None
    known = guess(name).public(dataset, size) if hasattr(guess(name), "public") else Public()  # type: ignore[union-attr]
    recipe = {"name": name, "dataset": dataset, **known.recipe}
    stanza: dict[str, Any] = {"adapter": name, "source": {"recipe": recipe}, **known.stanza}
    try:
        check_recipe(stanza, source)
    except ConfigError as error:
        step = f"{error.next_step}. With the files there: sixgig new FOLDER" if name in BY_HAND else error.next_step
        raise ConfigError(source, error.reason, step) from None
    if not known.classes and labels is None:
        raise ConfigError(source, "carries no classes", GIVE_LABELS)
    stanza |= label_options(name, labels)
    download = download_of(recipe, source)
    assert download is not None  # check_recipe() refuses cohorts that the user has to fetch
    checksum = download.checksum.algorithm
    found = [f"{dataset}: fetched from {download.url} when the study runs, and checked by its {checksum}"]
    findings = Findings(cohort_name(Path(dataset)), stanza, found, [open_adapter(stanza).subject_note], known.depth)
    if known.classes:
        findings.found.append(f"Classes: {', '.join(known.classes)}")
        findings.choose_positive(sorted(known.classes))
    else:
        findings.notes.append("if the data have more than three modalities, name three of them in `modalities`")
    if stanza.get("official_splits"):
        findings.hold_out()
    return findings


def _size(source: str, words: list[str]) -> int:
    if len(words) > 1 or not words[0].isdigit():
        raise ConfigError(source, f"ends in {':'.join(words)!r}", "write it as medmnist:pneumoniamnist:128")
    return int(words[0])
